"""The steps that compute, and the registry of kinds."""

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


def test_set_gives_back_what_it_was_given() -> None:
    given: dict[str, Value] = {"amount": Decimal("1.50"), "model_config": "x", "json": [1, None], "class": {"a": True}}
    step = SetStep()
    assert step.produce(given) == given
    assert step.outputs(given) == frozenset(given)
    assert step.content(given) == dict.fromkeys(given)
    assert step.idempotent(given)
    assert step.nature is Nature.INLINE


async def test_set_runs_to_the_same_output_as_it_produces() -> None:
    given = {"amount": Decimal("1.50"), "self": "x", "copy": 3}
    assert await SetStep().run(SetStep.Params.model_validate(given), CONTEXT) == given  # type: ignore[arg-type]


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
    ("given", "told"),
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
def test_wait_refuses_at_run_time_what_it_cannot_sleep_and_says_so(given: dict[str, Value], told: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        WaitStep().wakes_at(given, NOW)
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("given", "message"),
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
def test_wait_refuses_parameters_with_a_sentence(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WaitStep.Params.model_validate(given)


async def test_wait_has_no_output() -> None:
    step = WaitStep()
    assert step.produce({"for": "1h"}) == {}
    assert step.outputs({}) == frozenset()
    assert step.idempotent({})
    assert step.nature is Nature.SLEEP
    assert await step.run(WaitStep.Params.model_validate({"for": "1h"}), CONTEXT) == {}  # type: ignore[arg-type]


# -- registry -----------------------------------------------------------------------------------------------

GOOD = """
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


class Sent:
    """A sender and a mailer that only remember the addresses that they were asked to send to."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def send(self, *, to: str, **_: object) -> dict[str, object]:
        self.calls.append(to)
        return {"to": to}


def install(folder: Path, points: str, *, name: str = "acme-steps") -> None:
    """A distribution as pip leaves it behind: metadata, entry points, and a module of its own."""
    module = f"{name.replace('-', '_')}_{folder.name.replace('-', '_')}"
    (folder / f"{module}.py").write_text(GOOD)
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[signoff.steps]\n" + points.replace("MODULE", module) + "\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize("what", ["Shout", "ready"])
async def test_a_step_type_of_another_distribution_is_found(site: Path, what: str) -> None:
    install(site, f"shout = MODULE:{what}")
    kind = registry.all_step_types()["shout"]
    params = kind.Params.model_validate({"text": "hey"})
    assert await kind.run(params, CONTEXT) == {"text": "HEY"}


def test_without_plugins_there_are_the_builtin_kinds() -> None:
    assert set(registry.builtin()) == {"set", "form", "wait", "http", "message", "email"}
    assert registry.discover(group="signoff.steps.of-nobody") == {}


async def test_each_step_type_takes_what_it_needs_of_the_services() -> None:
    sent = Sent()

    async def resolve(host: str, port: int) -> list[str]:
        sent.calls.append(f"look up {host}:{port}")
        return ["10.0.0.1"]

    kinds = registry.all_step_types(
        StepServices(http_allow=("here.example",), resolve=resolve, sender=sent, mailer=sent)
    )
    message, email, http = (kinds[name] for name in ("message", "email", "http"))
    await message.run(message.Params.model_validate({"to": "#a", "text": "b"}), CONTEXT)
    await email.run(email.Params.model_validate({"to": "a@example.com", "subject": "s", "body": "b"}), CONTEXT)
    with pytest.raises(StepError, match="not a public address"):
        await http.run(http.Params.model_validate({"url": "https://away.example"}), CONTEXT)
    with pytest.raises(StepError, match="https"):
        await http.run(http.Params.model_validate({"url": "http://away.example"}), CONTEXT)
    assert sent.calls == ["#a", "a@example.com", "look up away.example:443"]


async def test_a_step_type_of_another_distribution_takes_what_it_needs_of_the_services(site: Path) -> None:
    install(site, "tell = MODULE:Tell")
    sent = Sent()
    services = StepServices(sender=sent, secrets=EnvironmentSecrets({"SIGNOFF_SECRET_TO": "#ops"}))
    kind = registry.all_step_types(services)["tell"]
    await kind.run(kind.Params.model_validate({"text": "hey"}), CONTEXT)
    assert sent.calls == ["#ops"]
    unbound = registry.all_step_types()["tell"]
    with pytest.raises(StepError, match="nothing to tell with"):
        await unbound.run(kind.Params.model_validate({"text": "hey"}), CONTEXT)


@pytest.mark.parametrize(
    ("what", "message"),
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
def test_a_step_type_that_cannot_be_used_is_refused_by_name(site: Path, what: str, message: str) -> None:
    install(site, f"thing = MODULE:{what}")
    with pytest.raises(PluginError, match=message) as caught:
        registry.discover()
    assert "acme-steps 1.2" in str(caught.value)
    assert f"thing = acme_steps_{site.name.replace('-', '_')}:{what}" in str(caught.value)


def test_a_module_that_is_not_there_is_refused_by_name(site: Path) -> None:
    install(site, "thing = no_such_module_at_all:Thing")
    with pytest.raises(PluginError, match=r"acme-steps 1\.2 cannot be loaded \(ModuleNotFoundError"):
        registry.discover()


def test_two_distributions_with_the_same_step_name_are_refused(site: Path) -> None:
    install(site, "first = MODULE:Shout")
    install(site, "second = MODULE:Twin", name="other-steps")
    with pytest.raises(PluginError, match=r"calls itself 'shout', as first = .* of acme-steps 1\.2 does; rename or"):
        registry.discover()


async def test_a_message_without_a_sender_fails_with_a_sentence() -> None:
    with pytest.raises(StepError, match="not connected to Slack"):
        await MessageStep().run(MessageParams(to="#a", text="b"), CONTEXT)
