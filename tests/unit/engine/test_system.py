from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from engine.errors import StepError
from engine.system import EnvironmentSecrets, RandomIds, SystemClock, calm_collector

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_the_garbage_collector_is_restored_after_the_body() -> None:
    before = gc.get_threshold()
    gc.unfreeze()
    with calm_collector():
        assert gc.get_threshold() > before
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_what_was_frozen_before_the_body_stays_frozen() -> None:
    gc.freeze()
    with calm_collector():
        pass
    assert gc.get_freeze_count() > 0


def test_the_clock_returns_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_ids_sort_by_time_to_the_millisecond() -> None:
    ids = RandomIds()
    moments = [NOW + timedelta(milliseconds=number) for number in (0, 1, 2, 1000, 86_400_000, 40 * 365 * 86_400_000)]
    new_ids = [ids.new(at) for at in moments]
    assert new_ids == sorted(new_ids)


def test_ids_of_one_moment_differ() -> None:
    ids = RandomIds()
    assert len({ids.new(NOW) for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("at", [NOW, datetime(2020, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)])
def test_ids_have_one_length_and_no_letters_that_are_mistaken_for_each_other(at: datetime) -> None:
    new_id = RandomIds().new(at)
    assert len(new_id) == 17
    assert set(new_id) <= set("0123456789abcdefghjkmnpqrstvwxyz")


def test_salts_are_16_bytes_and_differ() -> None:
    ids = RandomIds()
    assert {len(ids.salt()), len(ids.salt())} == {16}
    assert ids.salt() != ids.salt()


def test_no_random_bytes_are_handed_out_twice_to_threads_that_ask_at_once() -> None:
    ids = RandomIds()

    def draw_salts(_: int) -> list[bytes]:
        return [ids.salt() for _ in range(5_000)]

    with ThreadPoolExecutor(4) as pool:
        salts = [salt for thread_salts in pool.map(draw_salts, range(4)) for salt in thread_salts]
    assert len(set(salts)) == len(salts) == 20_000


def test_a_forked_process_draws_random_bytes_of_its_own() -> None:
    ids = RandomIds()
    ids.salt()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write_end, b"".join(ids.salt() for _ in range(8)))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        child_bytes = pipe.read()
    assert len(child_bytes) == 8 * 16
    assert {ids.salt() for _ in range(300)}.isdisjoint(
        child_bytes[at : at + 16] for at in range(0, len(child_bytes), 16)
    )


def test_a_secret_is_read_from_its_variable() -> None:
    secrets = EnvironmentSecrets({"SIGNOFF_SECRET_BANK": "swordfish", "BANK": "other"})
    assert secrets.read("BANK") == "swordfish"


@pytest.mark.parametrize("environment", [{}, {"SIGNOFF_SECRET_BANK": ""}, {"BANK": "swordfish"}])
def test_a_secret_that_is_not_set_is_an_error_that_names_the_setting(environment: dict[str, str]) -> None:
    with pytest.raises(StepError, match="The operator of this server has to set SIGNOFF_SECRET_BANK") as raised:
        EnvironmentSecrets(environment).read("BANK")
    assert not raised.value.outcome_unknown


def test_secrets_are_masked_in_texts() -> None:
    secrets = EnvironmentSecrets({"SIGNOFF_SECRET_BANK": "swordfish", "PATH": "/usr/bin"})
    assert secrets.redact("a swordfish in /usr/bin, swordfish") == "a (secret BANK) in /usr/bin, (secret BANK)"


def test_a_secret_inside_another_secret_leaves_no_part_of_it() -> None:
    secrets = EnvironmentSecrets({"SIGNOFF_SECRET_A": "word", "SIGNOFF_SECRET_B": "swordfish"})
    assert secrets.redact("swordfish, word") == "(secret B), (secret A)"


def test_short_and_empty_secrets_do_not_mask_ordinary_words() -> None:
    secrets = EnvironmentSecrets({"SIGNOFF_SECRET_A": "the", "SIGNOFF_SECRET_B": ""})
    assert secrets.redact("the end") == "the end"


def test_without_an_environment_the_one_of_the_process_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNOFF_SECRET_BANK", "swordfish")
    assert EnvironmentSecrets().read("BANK") == "swordfish"
