"""A local provider of language models, for tests and demos: it speaks the chat completions of OpenAI's API.

It answers what was recorded for a prompt, as strictly as the real one: it checks the key, the model and the call,
counts tokens, and cuts an answer off at its limit. `recorded_answers` has the answers, `faults` what goes wrong on
demand, `completions` the bodies, and `service` the server.
"""

from bot.devtools.language_model.faults import ModelFault
from bot.devtools.language_model.recorded_answers import RecordedAnswer, load_answers
from bot.devtools.language_model.service import KEY, MODEL, ModelService, run_model_service

__all__ = ["KEY", "MODEL", "ModelFault", "ModelService", "RecordedAnswer", "load_answers", "run_model_service"]
