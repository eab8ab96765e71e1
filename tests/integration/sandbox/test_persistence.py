"""The saved workspace: it is loaded unchanged, and an unusable file is refused with a reason."""

from __future__ import annotations

import asyncio
import json
import logging
import stat
from dataclasses import fields
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.web.async_client import AsyncWebClient

from bot.devtools.sandbox import AppConfig, FrozenClock, RunningSandbox, persistence, sandbox, seed
from bot.devtools.sandbox.clock import Time
from bot.devtools.sandbox.mail.records import Outsider, ReceivedMail
from bot.devtools.sandbox.persistence import UnreadableFile, UnwritableFile
from bot.devtools.sandbox.world import Conversation, File, InstalledApp, Message, Team, User, Usergroup, World
from tests.support.examples import example_count
from tests.support.sandbox_env import actions, button, client_of, served

# Halves of surrogate pairs too: JSON can carry them, and Slack accepts them.
TEXT = st.text(st.characters(), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=2)
OBJECTS = st.lists(OBJECT, max_size=2)


def instances(kind: Any, **given_fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return instances in which every field is drawn, those with defaults included."""
    strategies = {
        "str": TEXT,
        "int": st.integers(),
        "bool": st.booleans(),
        "bytes": st.binary(max_size=8),
        "str | None": st.none() | TEXT,
        "float": st.floats(allow_nan=False),
        "float | None": st.none() | st.floats(allow_nan=False),
        "Json | None": st.none() | OBJECT,
        "list[str]": st.lists(TEXT, max_size=2),
        "list[Json]": OBJECTS,
        "dict[str, str]": st.dictionaries(TEXT, TEXT, max_size=2),
        "dict[str, list[str]]": st.dictionaries(TEXT, st.lists(TEXT, max_size=2), max_size=2),
        "ChannelKind": st.sampled_from(["channel", "private", "im"]),
    }
    return st.builds(
        kind,
        **{
            config_field.name: given_fields.get(config_field.name, strategies[str(config_field.type)])
            for config_field in fields(kind)
        },
    )


def named(kind: Any, least: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(TEXT, instances(kind), min_size=least, max_size=2)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World(Time(FrozenClock()))
    world.time.ahead = timedelta(seconds=draw(st.integers(0, 10**6)))
    world.counters.update(draw(st.dictionaries(TEXT, st.integers(1, 99), max_size=3)))
    world.team = draw(instances(Team))
    world.users, world.usergroups, world.files = draw(named(User)), draw(named(Usergroup)), draw(named(File))
    world.apps, world.channels = draw(named(InstalledApp, least=1)), draw(named(Conversation))
    world.messages = {name: draw(st.lists(instances(Message), max_size=2)) for name in world.channels}
    world.ephemerals = draw(st.lists(instances(Message), max_size=2))
    world.outsiders, world.mails = (
        draw(st.lists(instances(Outsider), max_size=2)),
        draw(st.lists(instances(ReceivedMail), max_size=2)),
    )
    return world


NOT_KEPT = {"time", "views", "stacks", "homes", "troubles"}


@settings(deadline=None, max_examples=example_count(50))
@given(world=worlds())
def test_a_saved_workspace_is_loaded_unchanged(world: World) -> None:
    loaded = persistence.loads(persistence.dumps(world), Time(world.time.clock))
    assert set(vars(loaded)) == set(vars(world))
    for name in set(vars(world)) - NOT_KEPT:
        assert getattr(loaded, name) == getattr(world, name), name
    assert list(loaded.apps) == list(world.apps)
    assert loaded.time.now() == world.time.now()
    assert persistence.dumps(loaded) == persistence.dumps(world)


def test_ids_and_timestamps_continue_after_a_load() -> None:
    time = Time(FrozenClock())
    world = seed.new_world(time, AppConfig())
    general = world.channel_named("general")
    assert general is not None
    before = {world.new_id("D"), world.new_ts(general), str(world.count("trigger"))}
    loaded = persistence.loads(persistence.dumps(world), Time(time.clock))
    after = {loaded.new_id("D"), loaded.new_ts(loaded.channels[general.id]), str(loaded.count("trigger"))}
    assert before.isdisjoint(after)


# -- files --------------------------------------------------------------------------------------------------


def test_without_a_file_the_workspace_is_fresh(tmp_path: Path) -> None:
    world = persistence.load(tmp_path / "slack.json", Time(), AppConfig())
    assert world.user_named("ada") is not None


def test_a_loaded_workspace_has_the_current_configuration_of_the_app(tmp_path: Path) -> None:
    file, time = tmp_path / "slack.json", Time(FrozenClock())
    before = seed.new_world(time, AppConfig(scopes=("chat:write",), commands=("/other",)))
    next(iter(before.apps.values())).token_error = "token_revoked"
    file.write_bytes(persistence.dumps(before))
    loaded = persistence.load(file, time, AppConfig())
    assert list(loaded.apps) == list(before.apps)
    assert list(loaded.apps.values()) == list(seed.new_world(time, AppConfig()).apps.values())


GOOD = json.loads(persistence.dumps(seed.new_world(Time(FrozenClock()), AppConfig())))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe\x00", "decode"),
        (json.dumps(GOOD).encode()[:-100], "Unterminated|Expecting|delimiter"),
        (b"[]", "Expected `object`, got `array`"),
        (b"[" * 100_000, "recursion"),
        (json.dumps({**GOOD, "version": 2}).encode(), "another version of Signoff wrote it"),
        (json.dumps({**GOOD, "users": {"U1": {"id": 1}}}).encode(), r"\$.users"),
        (json.dumps({**GOOD, "more": 1}).encode(), "unknown field `more`"),
        (json.dumps({**GOOD, "apps": {}}).encode(), "parts of it are missing"),
        (json.dumps({**GOOD, "messages": {}}).encode(), "parts of it are missing"),
    ],
)
def test_an_unusable_file_is_refused_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "slack.json"
    file.write_bytes(content)
    with pytest.raises(UnreadableFile, match=reason):
        persistence.load(file, Time(), AppConfig())
    assert file.read_bytes() == content


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="Is a directory"):
        persistence.load(tmp_path, Time(), AppConfig())


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "slack.json"
    persistence.write_file(file, b"one")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            persistence.write_file(file, b"two")
    assert file.read_bytes() == b"one"
    persistence.write_file(file, b"three")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("slack.json", b"three")]


# -- while it runs ------------------------------------------------------------------------------------------


def restarted(file: Path) -> Any:
    return sandbox(world=partial(persistence.load, file))


async def test_the_next_start_has_the_same_messages(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    file = tmp_path / "slack.json"
    async with sandbox() as slack, persistence.save_changes(slack.slack, file):
        client = client_of(slack, session)
        ada = slack.person("ada")
        blocks = [actions(button("Approve"))]
        posted = await client.chat_postMessage(channel=ada.id, text="Sure?", blocks=blocks)
        ada.say("Let me see.", channel="general")
        seen = ada.sees(), ada.sees("general")
    clicks: list[Any] = []

    async def take(request: Any) -> Any:
        clicks.append((await request.post())["payload"])
        return aiohttp.web.Response()

    async with restarted(file) as slack, served(take) as url:
        slack.app.request_url = url
        ada = slack.person("ada")
        assert (ada.sees(), ada.sees("general")) == seen
        assert (await ada.click("Approve")).ok
        assert json.loads(clicks[0])["container"]["message_ts"] == posted["ts"]
        edited = await client_of(slack, session).chat_update(
            channel=str(posted["channel"]), ts=str(posted["ts"]), text="Approved"
        )
        assert edited["ts"] == posted["ts"]
        assert [message["text"] for message in ada.sees()] == ["Approved"]
        assert ada.say("Done.", channel="general") > seen[1][-1]["ts"]


async def test_a_change_is_in_the_file_a_moment_later(slack: RunningSandbox, tmp_path: Path) -> None:
    file = tmp_path / "slack.json"
    async with persistence.save_changes(slack.slack, file):
        slack.person("ada").say("What a crash must not take", channel="general")
        await slack.until(lambda: file.exists() and b"must not take" in file.read_bytes())
        slack.slack.reset()
        await slack.until(lambda: b"must not take" not in file.read_bytes())


async def test_a_post_of_the_app_is_in_the_file_before_its_answer(
    slack: RunningSandbox, client: AsyncWebClient, tmp_path: Path
) -> None:
    file = tmp_path / "slack.json"
    slack.rates.configure(enabled=False)
    async with persistence.save_changes(slack.slack, file):
        for number in range(3):
            await client.chat_postMessage(channel="#general", text=f"Number {number}")
            assert f"Number {number}".encode() in file.read_bytes()
        await asyncio.gather(*(client.chat_postMessage(channel=f"#{item}", text=item) for item in ("general", "leads")))
        assert b'"text":"leads"' in file.read_bytes()


async def test_a_failed_write_is_logged_and_repeated(
    slack: RunningSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, away = tmp_path / "folder", tmp_path / "away"
    folder.mkdir()
    file = folder / "slack.json"
    with caplog.at_level(logging.ERROR):
        async with persistence.save_changes(slack.slack, file):
            folder.rename(away)
            slack.person("ada").say("Hello", channel="general")
            await slack.until(lambda: caplog.records)
            assert caplog.messages == [f"{file} cannot be written: No such file or directory; trying again"]
            away.rename(folder)
            await slack.until(lambda: b"Hello" in file.read_bytes())
    assert len(caplog.records) == 1


async def test_a_failed_write_at_the_start_or_at_the_end_is_an_error(slack: RunningSandbox, tmp_path: Path) -> None:
    file = tmp_path / "folder" / "slack.json"
    with pytest.raises(UnwritableFile, match="No such file"):
        async with persistence.save_changes(slack.slack, file):
            raise AssertionError("it cannot be kept")
    file.parent.mkdir()
    saving = persistence.save_changes(slack.slack, file)
    await saving.__aenter__()
    file.parent.rename(tmp_path / "away")
    slack.person("ada").say("Hello", channel="general")
    with pytest.raises(UnwritableFile, match="No such file"):
        await saving.__aexit__(None, None, None)
