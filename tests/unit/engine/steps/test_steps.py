"""The steps `set`, `wait` and `message`, and the registry of step types."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.errors import InvalidValue, PluginError, StepError
from engine.json_values import Value
from engine.ports import StepContext, StepServices
from engine.steps import registry
from engine.steps.message import MessageParams, MessageStep
from engine.steps.set import SetStep
from engine.steps.wait import WaitStep
from engine.system import EnvironmentSecrets
from engine.workflowfile.step_kinds import Nature

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CONTEXT = StepContext(run="r1", step="s", visit=1, attempt=1, idempotency_key="r1:s:1", timeout=timedelta(seconds=5))


# -- set ----------------------------------------------------------------------------------------------------


def test_set_returns_its_parameters() -> None:
    params: dict[str, Value] = {"amount": Decimal("1.50"), "model_config": "x", "json": [1, None], "class": {"a": True}}
    step = SetStep()
    assert step.produce(params) == params
    assert step.outputs(params) == frozenset(params)
    assert step.content(params) == dict.fromkeys(params)
    assert step.idempotent(params)
    assert step.nature is Nature.INLINE


async def test_set_runs_to_the_same_output_as_it_produces() -> None:
    params = {"amount": Decimal("1.50"), "self": "x", "copy": 3}
    assert await SetStep().run(SetStep.Params.model_validate(params), CONTEXT) == params  # type: ignore[arg-type]


# -- wait ---------------------------------------------------------------------------------------------------


def test_wait_for_counts_from_the_time_the_step_was_reached() -> None:
    assert WaitStep().wakes_at({"for": "1h30m"}, NOW) == NOW + timedelta(minutes=90)


@pytest.mark.parametrize(
    ("until", "wakes"),
    [
        ("2026-03-02T09:00+01:00", datetime(2026, 3, 2, 8, 0, tzinfo=UTC)),
        ("2026-03-02T09:00:00Z", datetime(2026, 3, 2, 9, 0, tzinfo=UTC)),
        ("2026-03-05", datetime(2026, 3, 5, tzinfo=UTC)),
    ],
)
def test_wait_until_wakes_at_that_time_in_utc(until: str, wakes: datetime) -> None:
    assert WaitStep().wakes_at({"until": until}, NOW) == wakes


def test_wait_until_a_time_that_has_passed_wakes_at_once() -> None:
    assert WaitStep().wakes_at({"until": "2020-01-01"}, NOW) == NOW


_DURATION = "for: This must be a duration with its unit, like 90s, 15m, 4h, 2d or 1w."
_TIME = "until: This must be a time, like 2026-03-01T09:00+01:00, or a date, like 2026-03-01."


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"until": "2027-03-03"}, "until: '2027-03-03' is more than 366 days away; write an earlier time."),
        ({"for": "367d"}, "for: A run may sleep for at most 366 days."),
        ({"for": "soon"}, "for: 'soon' is not a duration; write it like 90s, 15m, 4h, 2d, 1w or 1h30m."),
        ({"for": 5}, _DURATION),
        ({"for": ["1h"]}, _DURATION),
        ({"until": 2026}, _TIME),
        ({"until": {"date": "2026-03-01"}}, _TIME),
        ({"for": "1h", "unless": "2h"}, "unless: There is no such key."),
        ({}, "A wait needs exactly one of 'for' and 'until'."),
    ],
)
def test_wait_refuses_invalid_parameters_at_run_time_with_a_sentence(params: dict[str, Value], sentence: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        WaitStep().wakes_at(params, NOW)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "exactly one of 'for' and 'until'"),
        ({"for": "1h", "until": "2026-03-02"}, "exactly one of 'for' and 'until'"),
        ({"for_": "1h"}, "Extra inputs"),
        ({"for": "0s"}, "zero"),
        ({"for": "367d"}, "at most 366 days"),
        ({"until": "2026-03-02T09:00"}, "needs an offset"),
        ({"until": "tomorrow"}, "is not a time"),
        ({"until": "2026-02-30"}, "is not a time"),
        ({"until": "0001-01-01T00:00+14:00"}, "is not a time"),
    ],
)
def test_wait_refuses_parameters_with_a_sentence(params: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WaitStep.Params.model_validate(params)


async def test_wait_has_no_output() -> None:
    step = WaitStep()
    assert step.produce({"for": "1h"}) == {}
    assert step.outputs({}) == frozenset()
    assert step.idempotent({})
    assert step.nature is Nature.SLEEP
    assert await step.run(WaitStep.Params.model_validate({"for": "1h"}), CONTEXT) == {}  # type: ignore[arg-type]


# -- registry -----------------------------------------------------------------------------------------------

MODULE_SOURCE = """
from pydantic import BaseModel
from engine.errors import StepError
from engine.ports import StepType

class Params(BaseModel):
    text: str

class Shout(StepType[Params]):
    name = "shout"
    Params = Params

    async def run(self, params, context):
        return {"text": params.text.upper()}

ready = Shout()

class Twin(Shout):
    pass

class Clash(Shout):
    name = "email"

class Nameless(Shout):
    name = "Not A Name"

class Paramless(StepType[Params]):
    name = "paramless"

    async def run(self, params, context):
        return {}

class Tell(Shout):
    name = "tell"

    def __init__(self, sender=None, secrets=None):
        self.sender, self.secrets = sender, secrets

    @classmethod
    def create(cls, services):
        return cls(services.sender, services.secrets)

    async def run(self, params, context):
        if self.sender is None:
            raise StepError("There is nothing to tell with.")
        to = self.secrets.read("TO")
        return await self.sender.send(to=to, text=params.text, source="tell", key=context.idempotency_key)

class Abstract(StepType[Params]):
    name = "abstract"
    Params = Params

class Picky(Shout):
    def __init__(self, where):
        raise AssertionError
"""


class RecordingSender:
    """A sender for Slack and email that records the addresses."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def send(self, *, to: str, **_: object) -> dict[str, object]:
        self.calls.append(to)
        return {"to": to}


def install_distribution(folder: Path, entry_points: str, *, name: str = "acme-steps") -> None:
    """Write a distribution as pip installs it: metadata, entry points, and a module."""
    module = f"{name.replace('-', '_')}_{folder.name.replace('-', '_')}"
    (folder / f"{module}.py").write_text(MODULE_SOURCE)
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[signoff.steps]\n" + entry_points.replace("MODULE", module) + "\n")


@pytest.fixture
def site_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize("attribute", ["Shout", "ready"])
async def test_a_step_type_of_another_distribution_is_found(site_packages: Path, attribute: str) -> None:
    install_distribution(site_packages, f"shout = MODULE:{attribute}")
    kind = registry.all_step_types()["shout"]
    params = kind.Params.model_validate({"text": "hey"})
    assert await kind.run(params, CONTEXT) == {"text": "HEY"}


def test_without_plugins_there_are_the_builtin_kinds() -> None:
    names = "set form wait branch http message email ai ask run foreach"
    assert set(registry.builtin()) == {*names.split()}
    assert registry.discover(group="signoff.steps.of-nobody") == {}


async def test_each_step_type_uses_the_services_that_it_needs() -> None:
    sender = RecordingSender()

    async def resolve(host: str, port: int) -> list[str]:
        sender.calls.append(f"look up {host}:{port}")
        return ["10.0.0.1"]

    kinds = registry.all_step_types(
        StepServices(http_allow=("here.example",), resolve=resolve, sender=sender, mailer=sender)
    )
    message, email, http = (kinds[name] for name in ("message", "email", "http"))
    await message.run(message.Params.model_validate({"to": "#a", "text": "b"}), CONTEXT)
    await email.run(email.Params.model_validate({"to": "a@example.com", "subject": "s", "body": "b"}), CONTEXT)
    with pytest.raises(StepError, match="not a public address"):
        await http.run(http.Params.model_validate({"url": "https://away.example"}), CONTEXT)
    with pytest.raises(StepError, match="https"):
        await http.run(http.Params.model_validate({"url": "http://away.example"}), CONTEXT)
    assert sender.calls == ["#a", "a@example.com", "look up away.example:443"]


async def test_a_step_type_of_another_distribution_uses_the_services_that_it_needs(site_packages: Path) -> None:
    install_distribution(site_packages, "tell = MODULE:Tell")
    sender = RecordingSender()
    services = StepServices(sender=sender, secrets=EnvironmentSecrets({"SIGNOFF_SECRET_TO": "#ops"}))
    kind = registry.all_step_types(services)["tell"]
    await kind.run(kind.Params.model_validate({"text": "hey"}), CONTEXT)
    assert sender.calls == ["#ops"]
    unbound = registry.all_step_types()["tell"]
    with pytest.raises(StepError, match="nothing to tell with"):
        await unbound.run(kind.Params.model_validate({"text": "hey"}), CONTEXT)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("Missing", "cannot be loaded"),
        ("Abstract", "cannot be loaded"),
        ("Picky", "cannot be loaded"),
        ("Params", "is not a StepType"),
        ("Nameless", "has no usable name"),
        ("Paramless", "has no Params"),
        ("Clash", "a name of Signoff's own"),
    ],
)
def test_a_step_type_that_cannot_be_used_is_refused_by_name(site_packages: Path, attribute: str, message: str) -> None:
    install_distribution(site_packages, f"thing = MODULE:{attribute}")
    with pytest.raises(PluginError, match=message) as caught:
        registry.discover()
    assert "acme-steps 1.2" in str(caught.value)
    assert f"thing = acme_steps_{site_packages.name.replace('-', '_')}:{attribute}" in str(caught.value)


def test_a_missing_module_is_refused_by_name(site_packages: Path) -> None:
    install_distribution(site_packages, "thing = no_such_module_at_all:Thing")
    with pytest.raises(PluginError, match=r"acme-steps 1\.2 cannot be loaded \(ModuleNotFoundError"):
        registry.discover()


def test_two_distributions_with_the_same_step_name_are_refused(site_packages: Path) -> None:
    install_distribution(site_packages, "first = MODULE:Shout")
    install_distribution(site_packages, "second = MODULE:Twin", name="other-steps")
    with pytest.raises(PluginError, match=r"calls itself 'shout', as first = .* of acme-steps 1\.2 does; rename or"):
        registry.discover()


async def test_a_message_without_a_sender_fails_with_a_sentence() -> None:
    with pytest.raises(StepError, match="not connected to Slack"):
        await MessageStep().run(MessageParams(to="#a", text="b"), CONTEXT)
