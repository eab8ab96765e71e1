"""What authors of step types need: the contract of a step type, its services, and its errors."""

from engine.domain import Address
from engine.errors import StepError
from engine.ports import Mailer, Secrets, Sender, StepContext, StepServices, StepType
from engine.workflowfile.step_kinds import Nature, ParamProblem

__all__ = [
    "Address",
    "Mailer",
    "Nature",
    "ParamProblem",
    "Secrets",
    "Sender",
    "StepContext",
    "StepError",
    "StepServices",
    "StepType",
]
