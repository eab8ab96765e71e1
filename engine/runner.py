"""Performs the effects of runs: claims, acts outside of any transaction, records under the fence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from engine import data
from engine.advance import Advancer, Claimed
from engine.data import Value
from engine.errors import Conflict, DefinitionError, InvalidValue, StepError, StoreError, Tampered
from engine.plan import MAX_OUTPUT, Act, Failed, Outcome, Produced
from engine.ports import Secrets, StepContext, StepType
from engine.store import runs
from engine.store.writer import SqliteFile

log = logging.getLogger(__name__)

RENEW_SECONDS: Final = 2.0


class Runner:
    """Advances one run at a time as far as it goes, effects included. `steps`: step types by name."""

    def __init__(
        self, store: SqliteFile, advancer: Advancer, *, steps: Mapping[str, StepType[Any]], secrets: Secrets
    ) -> None:
        self._store, self._advancer, self._steps, self._secrets = store, advancer, steps, secrets
        self._under_way: set[str] = set()

    async def advance(self, run: str) -> None:
        """Take the run to where it waits or ends. Does nothing if it is not ready, or somebody else is at it."""
        # A full disk can keep an outcome from being recorded for longer than a lease: it must not be taken for a crash.
        if run in self._under_way:
            return
        self._under_way.add(run)
        try:
            claimed = await self._store.transact(lambda tx: self._advancer.advance(tx, run))
            while claimed is not None:
                claimed = await self._perform(claimed)
        except Conflict:
            log.info("run %s was taken over", run)
        except DefinitionError as error:
            log.error("run %s cannot go on: its workflow is no longer understood: %s", run, error)
            reason = f"The workflow of this run is no longer understood by this server: {error.problems[0].sentence()}"
            await self._store.transact(lambda tx: runs.postpone(tx, run, reason))
        finally:
            self._under_way.discard(run)

    async def _perform(self, claimed: Claimed) -> Claimed | None:
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(self._renew(claimed))
            outcome = await self._act(claimed)
            renewing.cancel()
        return await self._store.insist(lambda tx: self._advancer.record(tx, claimed, outcome))

    async def _renew(self, claimed: Claimed) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                held = await self._store.transact(lambda tx: runs.try_renew(tx, claimed.run, claimed.rev))
            except StoreError as error:
                log.warning("the lease of run %s could not be renewed: %s", claimed.run, error)
                continue
            if not held:
                return

    async def _act(self, claimed: Claimed) -> Outcome:
        act = claimed.act
        try:
            if act.digest is not None:
                act.subject.check(act.params, act.digest)
            step = self._steps[act.step.kind.name]
            params = step.Params.model_validate(act.params.joined(self._secrets.read))
        except (Tampered, StepError) as error:
            return Failed(message=str(error), final=True)
        except ValidationError as error:
            # Its own words would quote the values, and the values hold the secrets now.
            return Failed(message=f"The step does not take its parameters ({error.error_count()} wrong).", final=True)
        return await self._call(claimed, act, step, params)

    async def _call(self, claimed: Claimed, act: Act, step: StepType[Any], params: BaseModel) -> Outcome:
        context = StepContext(
            run=claimed.run,
            step=act.step.id,
            visit=act.visit,
            attempt=act.attempt,
            idempotency_key=f"{claimed.run}:{act.step.id}:{act.visit}",
            timeout=act.timeout,
        )
        try:
            async with asyncio.timeout(act.timeout.total_seconds()):
                produced = await step.run(params, context)
            return Produced(self._output(produced))
        except StepError as error:
            return Failed(
                message=self._secrets.redact(str(error)),
                unknown=error.outcome_unknown,
                final=not (error.retryable or error.outcome_unknown),
                retry_after=error.retry_after,
            )
        except TimeoutError:
            return Failed(message=f"It took longer than {act.timeout.total_seconds():g} seconds.", unknown=True)
        except InvalidValue as error:
            return Failed(message=f"The step did its work, but its output cannot be used: {error}.", final=True)
        except Exception:
            log.exception("step %s of run %s raised", act.step.id, claimed.run, extra={"run": claimed.run})
            return Failed(
                message=f"The step type {act.step.kind.name} broke; the server's log has it under run {claimed.run}.",
                unknown=True,
            )

    def _output(self, produced: Mapping[str, object]) -> dict[str, Value]:
        output = data.clean(produced)
        if not isinstance(output, dict):
            raise InvalidValue("it is not a mapping")
        text = data.dumps(output)
        if len(text) > MAX_OUTPUT:
            raise InvalidValue(f"it is {len(text):,} characters long; at most {MAX_OUTPUT:,} are kept")
        # An echoing server sends back what it was sent, secrets included.
        redacted = self._secrets.redact(text)
        if redacted != text:
            output = data.loads(redacted)
            assert isinstance(output, dict)
        return output
