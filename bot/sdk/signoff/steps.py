"""What authors of step types need: the contract of a step type, its services, and its errors."""

from engine.domain import Address
from engine.errors import StepError
from engine.ports import Sender, StepContext, StepServices, StepType
from engine.workflowfile.step_kinds import Nature, ParamProblem

__all__ = ["Address", "Nature", "ParamProblem", "Sender", "StepContext", "StepError", "StepServices", "StepType"]
