"""The record of the calls of language models in one visit, in the database."""

from __future__ import annotations

from collections.abc import Sequence

from engine.audit_entries import EntryKind, entry
from engine.errors import StepError
from engine.json_values import Value
from engine.language_model import Draft, ModelCall, ended
from engine.store import model_calls, run_rows
from engine.store.port import Store, Tx
from engine.worker.advance import ClaimedEffect


class StoredModelCalls:
    """Writes each call before it is made and after it was answered, as long as this process holds the run."""

    def __init__(self, store: Store, claimed: ClaimedEffect) -> None:
        self._store, self._claimed = store, claimed
        effect = claimed.effect
        self._visit = claimed.run, effect.step.id, effect.visit

    async def earlier(self) -> Sequence[ModelCall]:
        return await self._store.read(lambda connection: model_calls.load_of_visit(connection, *self._visit))

    async def begin(self, model: str, max_tokens: int) -> int:
        attempt = self._claimed.effect.attempt

        def unit(tx: Tx) -> int | None:
            if not run_rows.try_renew(tx, self._claimed.run, self._claimed.rev):
                return None
            return model_calls.begin(tx, *self._visit, attempt=attempt, model=model, max_tokens=max_tokens)

        number = await self._store.transact_with_retry(unit)
        if number is None:
            raise StepError("Another process works on this run, so the model was not asked here.", retryable=True)
        return number

    async def end(self, number: int, draft: Draft | None, problem: str | None) -> None:
        def unit(tx: Tx) -> None:
            calls = model_calls.load_of_visit(tx.connection, *self._visit)
            call = ended(next(call for call in calls if call.number == number), draft, problem, tx.now)
            model_calls.end(tx, *self._visit, call)
            run, step, _ = self._visit
            workspace = run_rows.load_owner(tx.connection, run).workspace
            tx.audit(workspace, entry(EntryKind.STEP_MODEL_ASKED, run=run, step=step, content=_facts(call)))

        await self._store.transact_with_retry(unit)


def _facts(call: ModelCall) -> dict[str, Value]:
    facts: dict[str, Value] = {
        "model": call.model,
        "answered": call.answered_at is not None,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cost_usd": None if call.cost is None else f"{call.cost:f}",
        "problem": call.problem,
    }
    return {name: value for name, value in facts.items() if value is not None}
