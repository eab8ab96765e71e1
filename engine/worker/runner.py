"""The runner of effects: it claims an effect, calls the step outside of any transaction, and records the outcome."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from engine import durations, json_values, runs
from engine.delivery.recipients import NeedsDirectory, run_with_directory
from engine.errors import ChannelError, Conflict, DefinitionError, InvalidValue, StepError, StoreError, Tampered
from engine.json_values import Value
from engine.off_loop import off_loop
from engine.ports import Secrets, StepContext, StepType
from engine.runs import Effect, Outcome, StepFailure, StepOutput
from engine.store import run_rows
from engine.store.port import Store
from engine.telemetry import NoTelemetry, RunMove, StepCall, Telemetry
from engine.worker.advance import Advancer, ClaimedEffect
from engine.worker.model_calls import StoredModelCalls

log = logging.getLogger(__name__)

_SEARCHED_AT_ONCE: Final = 16_384
"""Up to this many characters an output is searched for secrets on the event loop; a larger one on a thread."""
HAND_OVER_SECONDS: Final = 2.0
"""How long a process that stops tries to hand over a run, in seconds."""
RENEW_SECONDS: Final = 2.0
"""Time between two renewals of the lease of a run while its step runs."""


class Runner:
    """Moves runs forward, effects included. `steps`: step types by name."""

    def __init__(
        self,
        store: Store,
        advancer: Advancer,
        *,
        steps: Mapping[str, StepType[Any]],
        secrets: Secrets,
        renew_seconds: float = RENEW_SECONDS,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._telemetry = telemetry or NoTelemetry()
        self._store, self._advancer, self._steps, self._secrets = store, advancer, steps, secrets
        self._renew_seconds = renew_seconds
        self._under_way: set[str] = set()

    async def advance(self, run: str) -> None:
        """Move the run forward until it waits or ends. Do nothing if it is not ready, or another task works on it."""
        # With a full disk, recording an outcome may take longer than a lease. That must not count as a crash.
        if run in self._under_way:
            return
        self._under_way.add(run)
        try:
            await self._advance(run)
        except (Conflict, StoreError):
            raise
        except ChannelError as error:
            # The directory cannot say who the approvers are. After a rate limit it is enough to wait.
            await self._postpone(run, str(error), alert_owner=error.retry_after is None)
        except DefinitionError as error:
            log.error("run %s cannot go on: its workflow file is no longer valid: %s", run, error, extra={"run": run})
            first = str(error).partition("\n")[0]
            await self._postpone(run, f"This server no longer understands the workflow of this run: {first}")
        except Exception:
            log.exception("run %s cannot go on", run, extra={"run": run})
            await self._postpone(run, "Something broke. The log of the server says what.")
        finally:
            self._under_way.discard(run)

    async def _advance(self, run: str) -> None:
        began = self._telemetry.clock()
        try:
            claimed = await run_with_directory(
                self._store.transact,
                lambda tx, resolved: self._advancer.advance(tx, run, resolved),
                self._advancer.directory,
            )
            self._telemetry.moved(_move(run, claimed, began))
            while claimed is not None:
                claimed = await self._perform_or_hand_over(claimed)
        except Conflict:
            log.info("run %s was taken over by another process", run, extra={"run": run})

    async def _postpone(self, run: str, reason: str, *, alert_owner: bool = True) -> None:
        """Try the run again later, and alert its owner the first time."""
        if await self._store.transact(lambda tx: run_rows.postpone(tx, run, reason)) and alert_owner:
            await self._store.transact(lambda tx: self._advancer.alert_stuck(tx, run, reason))

    async def _perform_or_hand_over(self, claimed: ClaimedEffect) -> ClaimedEffect | None:
        try:
            return await self._perform(claimed)
        except asyncio.CancelledError:
            await self._hand_over(claimed)
            raise

    async def _perform(self, claimed: ClaimedEffect) -> ClaimedEffect | None:
        began = self._telemetry.clock()
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(self._renew(claimed))
            try:
                outcome = await self._run_effect(claimed)
            finally:
                renewing.cancel()
        self._telemetry.called(_call(claimed, outcome, began))
        return await self._record(claimed, outcome)

    async def _record(self, claimed: ClaimedEffect, outcome: Outcome) -> ClaimedEffect | None:
        """Record the outcome, and return the next effect of the run, claimed."""
        began = self._telemetry.clock()
        try:
            then = await self._store.transact_with_retry(lambda tx: self._advancer.record(tx, claimed, outcome, {}))
        except NeedsDirectory:
            # The outcome is recorded at once. The next request is opened when the directory has answered.
            await self._store.transact_with_retry(
                lambda tx: self._advancer.record(tx, claimed, outcome, {}, may_open_requests=False)
            )
            await self._advance(claimed.run)
            return None
        self._telemetry.moved(_move(claimed.run, then, began, after=claimed.rev))
        return then

    async def _hand_over(self, claimed: ClaimedEffect) -> None:
        """Let another process go on with a run at once, as this one stops. Else it does when the lease has lapsed."""
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await self._store.transact(lambda tx: run_rows.hand_over(tx, claimed.run, claimed.rev))

    async def _renew(self, claimed: ClaimedEffect) -> None:
        while True:
            await asyncio.sleep(self._renew_seconds)
            try:
                renewed = await self._store.transact(lambda tx: run_rows.try_renew(tx, claimed.run, claimed.rev))
            except StoreError as error:
                log.warning(
                    "the lease of run %s could not be renewed: %s", claimed.run, error, extra={"run": claimed.run}
                )
                continue
            if not renewed:
                return

    async def _run_effect(self, claimed: ClaimedEffect) -> Outcome:
        effect = claimed.effect
        try:
            if effect.digest is not None:
                effect.subject.check(effect.params, effect.digest)
            step, workflow = self._steps[effect.step.kind.name], effect.subject.workflow
            await self._secrets.prepare(effect.params.secret_names, workflow)
            joined = effect.params.joined(lambda name: self._secrets.read(name, workflow))
            params = step.Params.model_validate(joined)
        except (Tampered, StepError) as error:
            return StepFailure(message=str(error), final=True)
        except ValidationError as error:
            # The text of the error would quote the parameters, which hold the secrets here.
            return StepFailure(
                message=f"The parameters do not fit this step ({error.error_count()} wrong).", final=True
            )
        except Exception as error:  # noqa: BLE001 a step type may be anybody's code
            # The step was not called yet, so the outcome is known.
            return self._crash(claimed, error, unknown=False)
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
            model_calls=StoredModelCalls(self._store, claimed),
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
            if _is_cancelled():
                raise
            return self._crash(claimed, error, unknown=True)
        except Exception as error:  # noqa: BLE001 a step type may be anybody's code
            if isinstance(error, TimeoutError) and limit.expired():
                return StepFailure(message=f"It took longer than {durations.in_words(effect.timeout)}.", unknown=True)
            return self._crash(claimed, error, unknown=True)

    def _crash(self, claimed: ClaimedEffect, error: BaseException, *, unknown: bool) -> StepFailure:
        step = claimed.effect.step
        log.error(
            "step %s of run %s raised an exception", step.id, claimed.run, exc_info=error, extra={"run": claimed.run}
        )
        message = "The step broke. The log of the server says why."
        return StepFailure(message=message, unknown=unknown, final=not unknown)

    async def _output(self, produced: Mapping[str, object]) -> dict[str, Value]:
        try:
            output = runs.checked_output(produced)
        except InvalidValue as error:
            raise _Unusable(self._secrets.redact(str(error))) from None
        # A server may send back what it received, secrets included. JSON as a whole would have escaped quotes.
        redact, large = self._secrets.redact, json_values.is_larger(output, _SEARCHED_AT_ONCE)
        redacted = await off_loop(lambda: json_values.map_texts(output, redact), large=large)
        assert isinstance(redacted, dict)
        return redacted


def _move(run: str, claimed: ClaimedEffect | None, began: float, *, after: int = 0) -> RunMove:
    if claimed is None:
        return RunMove(run=run, began=began, after=after)
    effect = claimed.effect
    return RunMove(
        run=run,
        began=began,
        after=after,
        step=effect.step.id,
        visit=effect.visit,
        rev=claimed.rev,
        approved=effect.digest is not None,
    )


def _call(claimed: ClaimedEffect, outcome: Outcome, began: float) -> StepCall:
    effect = claimed.effect
    return StepCall(
        run=claimed.run,
        step=effect.step.id,
        step_type=effect.step.kind.name,
        visit=effect.visit,
        attempt=effect.attempt,
        rev=claimed.rev,
        outcome="succeeded" if isinstance(outcome, StepOutput) else "unknown" if outcome.unknown else "failed",
        began=began,
    )


class _Unusable(Exception):
    """A step returned something that cannot be stored as its output."""


def _is_cancelled() -> bool:
    """Return whether this task was cancelled, and not a task that the step started and cancelled itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
