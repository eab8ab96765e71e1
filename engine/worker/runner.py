"""Performs the effects of runs: claims, acts outside of any transaction, records under the fence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from engine import json_values, runs
from engine.delivery.recipients import NeedsDirectory, answered
from engine.errors import ChannelError, Conflict, DefinitionError, InvalidValue, StepError, StoreError, Tampered
from engine.json_values import Value
from engine.off_loop import off_loop
from engine.ports import Secrets, StepContext, StepType
from engine.runs import Effect, Outcome, StepFailure, StepOutput
from engine.store import run_rows
from engine.store.port import Store
from engine.worker.advance import Advancer, ClaimedEffect

log = logging.getLogger(__name__)

_SEARCHED_AT_ONCE: Final = 16_384
"""Characters of an output that are searched for secrets on the loop."""
RENEW_SECONDS: Final = 2.0
"""How often the lease of a run is renewed while its step works."""


class Runner:
    """Advances runs, each as far as it goes, effects included. `steps`: step types by name."""

    def __init__(
        self,
        store: Store,
        advancer: Advancer,
        *,
        steps: Mapping[str, StepType[Any]],
        secrets: Secrets,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self._store, self._advancer, self._steps, self._secrets = store, advancer, steps, secrets
        self._renew_seconds = renew_seconds
        self._under_way: set[str] = set()

    async def advance(self, run: str) -> None:
        """Take the run to where it waits or ends. Does nothing if it is not ready, or somebody else is at it."""
        # A full disk can keep an outcome from being recorded for longer than a lease: it must not be taken for a crash.
        if run in self._under_way:
            return
        self._under_way.add(run)
        try:
            await self._advance(run)
        except (Conflict, StoreError):
            raise
        except ChannelError as error:
            # Nobody can say now who is to be asked; the owner is told once, like of everything that keeps a run back.
            await self._postpone(run, str(error), told=error.retry_after is None)
        except DefinitionError as error:
            log.error("run %s cannot go on: its workflow is no longer understood: %s", run, error)
            first = str(error).partition("\n")[0]
            await self._postpone(run, f"The workflow of this run is no longer understood by this server: {first}")
        except Exception:
            log.exception("run %s cannot go on", run, extra={"run": run})
            await self._postpone(run, f"Something broke on the way; the server's log has it under run {run}.")
        finally:
            self._under_way.discard(run)

    async def _advance(self, run: str) -> None:
        try:
            claimed = await answered(
                self._store.transact,
                lambda tx, resolved: self._advancer.advance(tx, run, resolved),
                self._advancer.directory,
            )
            while claimed is not None:
                claimed = await self._perform(claimed)
        except Conflict:
            log.info("run %s was taken over", run)

    async def _postpone(self, run: str, reason: str, *, told: bool = True) -> None:
        """`told`: whether it is worth telling; what only has to wait for its turn is not."""
        if await self._store.transact(lambda tx: run_rows.postpone(tx, run, reason)) and told:
            await self._store.transact(lambda tx: self._advancer.tell_stuck(tx, run, reason))

    async def _perform(self, claimed: ClaimedEffect) -> ClaimedEffect | None:
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(self._renew(claimed))
            try:
                outcome = await self._run_effect(claimed)
            finally:
                renewing.cancel()
        try:
            return await self._store.transact_with_retry(lambda tx: self._advancer.record(tx, claimed, outcome, {}))
        except NeedsDirectory:
            # That an effect happened is written down at once; who is asked next is for the next walk to find out.
            await self._store.transact_with_retry(
                lambda tx: self._advancer.record(tx, claimed, outcome, {}, may_open_requests=False)
            )
        await self._advance(claimed.run)
        return None

    async def _renew(self, claimed: ClaimedEffect) -> None:
        while True:
            await asyncio.sleep(self._renew_seconds)
            try:
                held = await self._store.transact(lambda tx: run_rows.try_renew(tx, claimed.run, claimed.rev))
            except StoreError as error:
                log.warning("the lease of run %s could not be renewed: %s", claimed.run, error)
                continue
            if not held:
                return

    async def _run_effect(self, claimed: ClaimedEffect) -> Outcome:
        effect = claimed.effect
        try:
            if effect.digest is not None:
                effect.subject.check(effect.params, effect.digest)
            step = self._steps[effect.step.kind.name]
            params = step.Params.model_validate(effect.params.joined(self._secrets.read))
        except (Tampered, StepError) as error:
            return StepFailure(message=str(error), final=True)
        except ValidationError as error:
            # Its own words would quote the values, and the values hold the secrets now.
            return StepFailure(
                message=f"The step does not take its parameters ({error.error_count()} wrong).", final=True
            )
        except Exception as error:  # noqa: BLE001 a step type may be anybody's code
            # Nothing was called yet, so nothing is unknown.
            return self._broke(claimed, error, unknown=False)
        return await self._call(claimed, effect, step, params)

    async def _call(self, claimed: ClaimedEffect, effect: Effect, step: StepType[Any], params: BaseModel) -> Outcome:
        context = StepContext(
            run=claimed.run,
            step=effect.step.id,
            visit=effect.visit,
            attempt=effect.attempt,
            idempotency_key=f"{claimed.run}:{effect.step.id}:{effect.visit}",
            timeout=effect.timeout,
            redact=self._secrets.redact,
            workflow=effect.subject.workflow,
        )
        limit = asyncio.timeout(effect.timeout.total_seconds())
        try:
            async with limit:
                produced = await step.run(params, context)
            return StepOutput(await self._output(produced))
        except StepError as error:
            return StepFailure(
                message=self._secrets.redact(str(error)),
                unknown=error.outcome_unknown,
                final=not (error.retryable or error.outcome_unknown),
                retry_after=error.retry_after,
            )
        except _Unusable as error:
            return StepFailure(message=f"The step did its work, but its output cannot be used: {error}.", final=True)
        except asyncio.CancelledError as error:
            if _cancelled():
                raise
            return self._broke(claimed, error, unknown=True)
        except Exception as error:  # noqa: BLE001 a step type may be anybody's code
            if isinstance(error, TimeoutError) and limit.expired():
                return StepFailure(
                    message=f"It took longer than {effect.timeout.total_seconds():g} seconds.", unknown=True
                )
            return self._broke(claimed, error, unknown=True)

    def _broke(self, claimed: ClaimedEffect, error: BaseException, *, unknown: bool) -> StepFailure:
        step = claimed.effect.step
        log.error("step %s of run %s raised", step.id, claimed.run, exc_info=error, extra={"run": claimed.run})
        message = f"The step type {step.kind.name} broke; the server's log has it under run {claimed.run}."
        return StepFailure(message=message, unknown=unknown, final=not unknown)

    async def _output(self, produced: Mapping[str, object]) -> dict[str, Value]:
        try:
            output = runs.checked_output(produced)
        except InvalidValue as error:
            raise _Unusable(self._secrets.redact(str(error))) from None
        # An echoing server sends back what it was sent, secrets included.
        redact, large = self._secrets.redact, json_values.is_larger(output, _SEARCHED_AT_ONCE)
        redacted = await off_loop(lambda: _redacted(output, redact), large=large)
        assert isinstance(redacted, dict)
        return redacted


class _Unusable(Exception):
    """What a step returned is no output."""


def _redacted(value: Value, redact: Callable[[str], str]) -> Value:
    """Text by text, not over the whole: in JSON a quote in a secret would be escaped, and so not be found."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(key): _redacted(item, redact) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item, redact) for item in value]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        # A secret of digits comes back as a number from whoever reads it as one.
        text = format(value, "f") if isinstance(value, Decimal) else str(value)
        return value if (redacted := redact(text)) == text else redacted
    return value


def _cancelled() -> bool:
    """Whether we are cancelled, and not a task that a step type started and cancelled itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
