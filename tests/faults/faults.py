"""Serious bugs, each as one exact replacement, with the tests that must notice it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Fault:
    """A bug: `new` replaces `old`, which `file` has exactly once. `tests` are arguments of pytest that must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str


_CONDITIONS = "tests/flow/test_conditions.py tests/unit/engine/expressions"
_DECIDING = "tests/unit/engine/requests/test_requests.py tests/integration/slack/test_decisions.py"
_RUNS = "tests/integration/test_runner.py tests/integration/test_store.py tests/unit/engine/runs/test_state_machine.py"
_LINKS = "tests/integration/test_identity.py"
_DEADLINES = "tests/integration/test_deadlines.py tests/unit/engine/requests/test_deadlines.py"
_CODES = "tests/integration/web/test_codes.py"
_SIGN_IN = "tests/integration/web/test_account_sign_in.py"
_QUESTIONS = "tests/integration/test_questions.py tests/unit/engine/requests/test_questions.py"
_ATTENTION = "tests/integration/web/test_attention.py"
_INBOX = "tests/integration/web/test_inbox_parts.py tests/integration/web/test_inbox_decisions.py"
_WRITERS = "tests/integration/test_many_writers.py"
_WAYS = "tests/integration/test_ways.py"
_SHARED_COPIES = "tests/integration/slack/test_shared_copies.py"
_COPIES = "tests/integration/test_outbox.py tests/unit/bot/slack/test_message_view.py"

FAULTS: Final = (
    # -- conditions --
    Fault(
        "texts are compared by their letters",
        "engine/expressions/comparisons.py",
        """        if value_text.kind_of(left) == "number" and value_text.kind_of(right) == "number":
            return holds(left, right)
""",
        """        if value_text.kind_of(left) == value_text.kind_of(right):
            return holds(left, right)
""",
        _CONDITIONS,
    ),
    Fault(
        "a number and a text are compared without a word",
        "engine/expressions/comparisons.py",
        "    if _differ_in_kind(left, right):\n        raise",
        "    if False:\n        raise",
        _CONDITIONS,
    ),
    Fault(
        "an order of texts passes the check",
        "engine/expressions/type_checks.py",
        "    return False not in dates and (True in dates or not dates)\n",
        "    return True\n",
        "tests/flow/test_conditions.py tests/unit/engine/expressions/test_type_checks.py",
    ),
    Fault(
        "a gate of an older file is skipped by a meaningless condition",
        "engine/requests/open_request.py",
        "if gate.condition_warning and not opens else opens",
        "if gate.condition_warning and opens else opens",
        _CONDITIONS,
    ),
    # -- approvers --
    Fault(
        "a word from data names the owner, the requester or a group",
        "engine/requests/open_request.py",
        "        elif item.is_written:\n",
        "        elif item.is_written or not reference.is_address:\n",
        "tests/flow/test_approvers.py tests/unit/engine/requests/test_requests.py",
    ),
    Fault(
        "a requester names themselves as the approver",
        "engine/delivery/recipients.py",
        "if reference.not_requester and person.id == run.requester:",
        "if reference.not_requester and person.id == reference.value:",
        "tests/flow/test_approvers.py",
    ),
    Fault(
        "a requester decides by their own address from data",
        "engine/service/eligibility.py",
        "if approver.not_requester and person.id == request.requester:",
        "if approver.not_requester and person.id == request.id:",
        "tests/integration/test_people.py",
    ),
    Fault(
        "data that repeats a word of the file counts as the file",
        "engine/expressions/provenance.py",
        "    is_written = syntax.literal_value(node) is not syntax.DYNAMIC\n",
        "    is_written = True\n",
        "tests/flow/test_approvers.py tests/unit/engine/requests/test_requests.py",
    ),
    # -- deciding --
    Fault(
        "a request is decided whatever its state and revision",
        "engine/store/request_rows.py",
        """        _request.c.rev == bindparam("seen_rev"),
        _request.c.state == RequestState.PENDING.value,
    )
    .values(
        state=bindparam("new_state"),""",
        """    )
    .values(
        state=bindparam("new_state"),""",
        "tests/integration/test_store.py",
    ),
    Fault(
        "the revision of a request is not compared when it is closed",
        "engine/store/request_rows.py",
        """        _request.c.rev == bindparam("seen_rev"),
        _request.c.state == RequestState.PENDING.value,
    )
    .values(
        state=bindparam("new_state"),""",
        """        _request.c.state == RequestState.PENDING.value,
    )
    .values(
        state=bindparam("new_state"),""",
        "tests/integration/test_store.py",
    ),
    Fault(
        "the write of a decision does not look whether it is past due",
        "engine/store/request_rows.py",
        '_CLOSED.where(or_(_request.c.expires_at.is_(None), _request.c.expires_at > bindparam("now")))',
        "_CLOSED",
        "tests/integration/test_store.py",
    ),
    Fault(
        "the rules let people decide after the expiry",
        "engine/requests/deadlines.py",
        "return self.expires_at is not None and self.expires_at <= now",
        "return False",
        _DECIDING,
    ),
    Fault(
        "the content that was shown is not compared",
        "engine/requests/decision.py",
        "if (command.content_version, command.digest) == (request.content_version, request.digest):",
        "if command.content_version == request.content_version:",
        _DECIDING,
    ),
    Fault(
        "content that was changed in the table is approved",
        "engine/requests/decision.py",
        "    request.subject.check(request.content, request.digest)\n    applied",
        "    applied",
        _DECIDING,
    ),
    Fault(
        "every person is an approver",
        "engine/requests/decision.py",
        "if person and row.person.id == person.id), None)",
        "if person), None)",
        _DECIDING,
    ),
    Fault(
        "an edit is not checked by its field",
        "engine/requests/edits.py",
        "    after = fields.validate(editable.field, raw)\n",
        "    after = json_values.clean(raw)\n",
        _DECIDING,
    ),
    Fault(
        "an edit is not bound to the declaration of the input",
        "engine/requests/open_request.py",
        "field or fields.infer(json_values.look(content.value, value_path))",
        "fields.infer(json_values.look(content.value, value_path))",
        "tests/unit/engine/workflowfile/test_declarations.py tests/integration/web/test_declared_edits.py",
    ),
    Fault(
        "the length of a number is not checked before its pattern",
        "engine/fields/normal_forms.py",
        """    if len(text) > MAX_NUMBER:
        raise InvalidValue(_TOO_LARGE)
    match = _NUMBER""",
        """    match = _NUMBER""",
        "tests/unit/engine/fields/test_fields.py",
    ),
    Fault(
        "an amount of money may have any decimals",
        "engine/fields/normal_forms.py",
        "if decimals is None or decimals_of(exact) <= decimals:",
        "if decimals is None or decimals_of(exact) >= 0:",
        "tests/unit/engine/fields/test_fields.py",
    ),
    Fault(
        "an edit is not checked by the step's own parameters",
        "engine/requests/edits.py",
        "        errors = invalid_params(kind, approved)\n",
        "        errors = {}\n",
        _DECIDING,
    ),
    Fault(
        "a click is acknowledged before it is decided",
        "bot/slack/action_handlers.py",
        """        answer = await self._context.service.decide(click.by, ref, Verdict.APPROVE, message=click.message_ts)
        await ack()
        if""",
        """        await ack()

        async def later() -> None:
            answer = await self._context.service.decide(click.by, ref, Verdict.APPROVE, message=click.message_ts)
            await self._decided(click, ref, answer)

        self._after(click, later())
        return
        if""",
        "tests/integration/slack/test_decisions.py",
    ),
    Fault(
        "a form is acknowledged before it is decided",
        "bot/slack/submission_handlers.py",
        "        answer = await service.engine.decide(asked)\n",
        "        await ack(**replies.CLEAR)\n"
        "        work = service.engine.decide(asked)\n"
        "        self._context.after(sent.by, None, work)\n"
        "        return\n",
        "tests/integration/slack/test_decisions.py",
    ),
    Fault(
        "the signature of a delivery is not checked",
        "bot/slack/transport.py",
        "        if not self._is_signed(request, body):",
        "        if not body:",
        "tests/integration/slack/test_events_endpoint.py",
    ),
    # -- deadlines --
    Fault(
        "a request that escalates at its expiry refuses the last decisions",
        "engine/requests/deadlines.py",
        "            expires_at, restart_at = (None, ends_at) if restarts else (ends_at, None)\n",
        "            expires_at, restart_at = ends_at, (ends_at if restarts else None)\n",
        _DEADLINES,
    ),
    Fault(
        "every request has a reminder of its own",
        "engine/delivery/reminders.py",
        "    if last is not None and last.waits:\n",
        "    if False:\n",
        _DEADLINES,
    ),
    Fault(
        "people are reminded as often as requests want",
        "engine/delivery/reminders.py",
        "        at = max(at, min(last.at, tx.now) + MOST_OFTEN)\n",
        "        pass\n",
        _DEADLINES,
    ),
    Fault(
        "a reminder is sent although its request is closed",
        "engine/delivery/results.py",
        "            return not self.content.waiting\n",
        "            return False\n",
        _DEADLINES,
    ),
    Fault(
        "working hours are those of Greenwich",
        "engine/requests/working_hours.py",
        "timestamps.find_zone(zone or self.zone) or UTC",
        "UTC",
        "tests/unit/engine/requests/test_working_hours.py",
    ),
    # -- copies --
    Fault(
        "the copies do not follow a decision",
        "engine/service/decide.py",
        "    deliveries.mark_outdated(tx, request.subject.run, request.id, closes=closes)\n",
        "",
        f"{_DECIDING} {_COPIES}",
    ),
    Fault(
        "the copies do not follow an expiry",
        "engine/service/process_due.py",
        "    deliveries.mark_outdated(tx, request.subject.run, request.id, closes=True)\n",
        "",
        f"{_COPIES} tests/integration/slack/test_decisions.py",
    ),
    Fault(
        "the copies do not follow a cancelled run",
        "engine/service/cancel.py",
        "        deliveries.mark_outdated(tx, command.run, request_id, closes=True)\n",
        "",
        f"{_COPIES} tests/integration/slack/test_decisions.py",
    ),
    Fault(
        "a change while a copy is being shown is forgotten",
        "engine/store/delivery_leases.py",
        'next_at=case((_delivery.c.wanted_version > bindparam("version"), bindparam("now", type_=Utc)), else_=null()),',
        "next_at=null(),",
        _COPIES,
    ),
    Fault(
        "an edit that waited for its turn shows what was read before",
        "bot/slack/rate_limit.py",
        "                await prepare()\n",
        "",
        "tests/integration/slack/test_many_votes.py tests/integration/slack/test_rate_limit.py",
    ),
    Fault(
        "a vote takes up the copies that wait for their turn",
        "engine/store/deliveries.py",
        'next_at=case((_WAITS, _delivery.c.next_at), else_=bindparam("now", type_=Utc)),',
        'next_at=bindparam("now", type_=Utc),',
        "tests/integration/slack/test_many_votes.py",
    ),
    Fault(
        "the copies of a decided request wait behind the progress of others",
        "bot/slack/channel.py",
        "            urgent=newest.closes,\n",
        "",
        "tests/integration/slack/test_many_votes.py",
    ),
    Fault(
        "an urgent turn puts off no other",
        "engine/pace.py",
        "            self.put_off += rate.interval\n",
        "            pass\n",
        "tests/contract/test_paces.py tests/integration/slack/test_rate_limit.py",
    ),
    Fault(
        "an edit is recorded as older than what it shows",
        "engine/delivery/outbox.py",
        "        attempt.claimed = newer\n",
        "",
        "tests/integration/slack/test_many_votes.py",
    ),
    Fault(
        "a post that a crash cut off is taken for one that never was",
        "engine/store/delivery_leases.py",
        "unknown=or_(_delivery.c.unknown, _delivery.c.lease_until.is_not(None)),",
        "unknown=_delivery.c.unknown,",
        _COPIES,
    ),
    Fault(
        "a post of unknown outcome is not looked for",
        "engine/delivery/outbox.py",
        "        if receipt is None and delivery.unknown and isinstance(channel, FindsCopies):\n",
        "        if receipt is None and delivery.unknown and not isinstance(channel, FindsCopies):\n",
        _COPIES,
    ),
    Fault(
        "a relay that continues after its lease leaves its card in the copy",
        "engine/delivery/results.py",
        "        deliveries.mark_to_show_again(tx, delivery.id)\n",
        "",
        _COPIES,
    ),
    Fault(
        "a number that a step read from a text guards a gate",
        "engine/workflowfile/expression_scope.py",
        "            return name in names.steps[step].ambiguous\n",
        "            return name in names.steps[step].ambiguous and False\n",
        "tests/flow/test_conditions.py",
    ),
    Fault(
        "an amount that is written as a number never equals the same amount",
        "engine/expressions/comparisons.py",
        "    if _read_alike(budget, left, right):\n",
        "    if _read_alike(budget, left, right) and left == right:\n",
        "tests/flow/test_conditions.py",
    ),
    # -- links, codes, emails --
    Fault(
        "a link alone decides, whatever the gate wants",
        "engine/requests/identification.py",
        "    if command.assurance is Assurance.LINK and request.assurance is not Assurance.LINK:\n",
        "    if command.assurance is Assurance.SSO and request.assurance is not Assurance.LINK:\n",
        _LINKS,
    ),
    Fault(
        "a browser that gave a code counts as signed in",
        "engine/requests/identification.py",
        "_IS_SIGNED_IN: Final = frozenset({Assurance.SSO, Assurance.SLACK})\n",
        "_IS_SIGNED_IN: Final = frozenset({Assurance.SSO, Assurance.SLACK, Assurance.CODE})\n",
        _SIGN_IN,
    ),
    Fault(
        "a claim that a decision is confirmed is believed",
        "engine/service/assurance.py",
        " and proof.confirmed is command.confirmed:\n",
        ":\n",
        _LINKS,
    ),
    Fault(
        "what the identity provider sent back works twice",
        "engine/store/sign_ins.py",
        '.where(_sign_in.c.state == bindparam("seen")).values(state=bindparam("spent")))\n',
        '.where(_sign_in.c.state == bindparam("seen")).values(form=_sign_in.c.form))\n',
        _SIGN_IN,
    ),
    Fault(
        "a sign-in can be completed in any browser",
        "engine/store/sign_ins.py",
        "(self.holder is None or hmac.compare_digest(self.holder, hashed(holder)))\n",
        "(self.holder is None or hmac.compare_digest(self.holder, self.holder))\n",
        _SIGN_IN,
    ),
    Fault(
        "a person who signed in decides although they were not asked",
        "engine/service/account_sign_in.py",
        "    asked = [row.person for row in request.approvers if sign_in.person in (None, row.person.id)]\n",
        "    asked = [row.person for row in request.approvers]\n",
        _SIGN_IN,
    ),
    Fault(
        "people of other workspaces sign in",
        "bot/openid/id_token.py",
        "    elif claims.get(_TEAM) != workspace.team:\n",
        "    elif claims.get(_TEAM) == workspace.team and workspace.enterprise:\n",
        _SIGN_IN,
    ),
    Fault(
        "a claim to have given a code is believed",
        "engine/service/assurance.py",
        "    return command.assurance not in _NEEDS_PROOF\n",
        "    return command.assurance is not Assurance.LINK\n",
        _LINKS,
    ),
    Fault(
        "a link that was revoked or has expired still identifies",
        "engine/service/assurance.py",
        "    if link.state is not LinkState.LIVE:\n        return NoLink(state=link.state)\n",
        "",
        _LINKS,
    ),
    Fault(
        "a link identifies for every request",
        "engine/service/assurance.py",
        "    if link is None or link.request != request.id:\n",
        "    if link is None:\n",
        _LINKS,
    ),
    Fault(
        "a code can be given in any browser",
        "engine/service/one_time_codes.py",
        "        or view(challenge, command.holder) is None\n",
        "",
        _LINKS,
    ),
    Fault(
        "wrong codes are not counted",
        "engine/store/challenges.py",
        "        return self.live(now) and self.tries < TRIES\n",
        "        return self.live(now)\n",
        _LINKS,
    ),
    Fault(
        "a code to sign in that was used is taken again",
        "engine/store/challenges.py",
        "        return self.created_at - CLOCK_SLACK <= now < self.expires_at and self.used_at is None\n",
        "        return self.created_at - CLOCK_SLACK <= now < self.expires_at\n",
        _CODES,
    ),
    Fault(
        "a code is not bound to the purpose in its email",
        "engine/store/challenges.py",
        "    return json_values.canonical([purpose.value, workspace, person, address, thing]).decode()\n",
        "    return json_values.canonical([workspace, person, address]).decode()\n",
        _CODES,
    ),
    Fault(
        "a link alone answers for a step of unknown outcome",
        "engine/service/answer_attention.py",
        "    if proof.assurance is not Assurance.LINK:\n",
        "    if proof.assurance is not None:\n",
        _ATTENTION,
    ),
    Fault(
        "the link of an earlier call answers for a later one",
        "engine/service/answer_attention.py",
        "    if (link.step, link.visit, link.attempt) != (resume.step, resume.visit, resume.attempt):\n",
        "    if False:\n",
        _ATTENTION,
    ),
    Fault(
        "a code for one answer confirms another",
        "engine/store/challenges.py",
        '    Purpose.ANSWER: ("run", "step", "visit", "attempt", "answer", "output"),\n',
        '    Purpose.ANSWER: ("run", "step", "visit", "attempt"),\n',
        _ATTENTION,
    ),
    Fault(
        "a browser of another person answers for the owner",
        "bot/web/attention_access.py",
        '    return may_repair_run(service.engine.context.reader(person, Address("email", address)), run)\n',
        "    return True\n",
        _ATTENTION,
    ),
    Fault(
        "an alert in the place of the owner's carries the right to answer",
        "engine/delivery/results.py",
        "    if run is None or run.owner != delivery.person or run.state.status is not RunStatus.NEEDS_ATTENTION:\n",
        "    if run is None or run.state.status is not RunStatus.NEEDS_ATTENTION:\n",
        _ATTENTION,
    ),
    Fault(
        "the approver never learns that the step failed",
        "engine/worker/advance.py",
        "        return approval if failed else None\n",
        "        return None\n",
        "tests/integration/web/test_after_approval.py",
    ),
    Fault(
        "any code that went to the address confirms",
        "engine/service/one_time_codes.py",
        "    same = [other for other in sent if other.subject == challenge.subject and other.live(tx.now)]\n"
        "    return next((other for other in same if codes.matches(other.id, challenge.subject, code, other.mac)), "
        "None)\n",
        "    return next((one for one in sent if codes.matches(one.id, one.subject, code, one.mac)), None)\n",
        _CODES,
    ),
    Fault(
        "decisions that wait for a code are kept without number",
        "engine/store/challenges.py",
        "    few = sum(at > now - HOUR for at in times) < UNANSWERED_PER_HOUR and len(times) < UNANSWERED_PER_DAY\n",
        "    few = True\n",
        _CODES,
    ),
    Fault(
        "decisions that wait for a code are kept after it has run out",
        "engine/store/challenges.py",
        '    tx.write(_LAPSED, {"before": tx.now - CODE_LIFETIME})\n',
        "",
        _CODES,
    ),
    Fault(
        "a code of a clock that was ahead is taken",
        "engine/store/challenges.py",
        "        return self.created_at - CLOCK_SLACK <= now < self.expires_at and self.used_at is None\n",
        "        return now < self.expires_at and self.used_at is None\n",
        "tests/integration/test_clock_ahead.py",
    ),
    Fault(
        "another answer in a form gets the code of the first one",
        "engine/store/challenges.py",
        "    return next((sent for sent, waiting in commands if waiting and _subject_of(waiting) == subject), None)\n",
        "    return next((sent for sent, waiting in commands if waiting and subject), None)\n",
        _CODES,
    ),
    Fault(
        "one client has codes sent without end",
        "engine/store/asked_codes.py",
        "    if len(times) >= MOST:\n",
        "    if len(times) > 10**9:\n",
        "tests/integration/web/test_code_limits.py",
    ),
    Fault(
        "a browser is shown what was typed in another",
        "engine/store/form_drafts.py",
        '        _draft.c.holder == bindparam("holder"),\n        _draft.c.about == bindparam("about"),\n',
        '        _draft.c.about == bindparam("about"),\n',
        "tests/integration/test_form_drafts.py",
    ),
    Fault(
        "forms that wait for a code are kept without number",
        "engine/store/form_drafts.py",
        "        if number > MOST or size > MOST_BYTES:\n",
        "        if size > MOST_BYTES:\n",
        "tests/integration/test_form_drafts.py",
    ),
    Fault(
        "two processes grant one client the last code twice",
        "engine/store/asked_codes.py",
        '    tx.take_turn(f"client {workspace} {client.hex()}")\n',
        "",
        "tests/integration/test_many_writers.py",
    ),
    # -- the inbox on pages --
    Fault(
        "the receipt of an inbox shows a request to every person",
        "bot/web/inbox_pages.py",
        "if view is None or not may_see_request(reader, view):",
        "if view is None:",
        _INBOX,
    ),
    Fault(
        "the step before a batch shows the requests of others",
        "bot/web/inbox_decisions.py",
        "return view if view is not None and may_see_request(engine.reader(browser.person), view) else None",
        "return view",
        _INBOX,
    ),
    Fault(
        "a batch decides what is decided by itself",
        "bot/web/inbox_decisions.py",
        "answers = await self._context.service.engine.decide_together(commands)",
        "answers = [await self._context.service.engine.decide(command) for command in commands]",
        _INBOX,
    ),
    Fault(
        "a row approves without the question that the button asks",
        "bot/web/inbox_decisions.py",
        "    if view.confirm:\n",
        "    if False:\n",
        _INBOX,
    ),
    Fault(
        "the page of a run shows requests that its reader may not see",
        "bot/web/run_page_view.py",
        "    seen = [request for request in requests if may_see_request(reader, request)]\n",
        "    seen = [*requests]\n",
        "tests/integration/web/test_run_pages.py",
    ),
    Fault(
        "an auditor sends a copy again",
        "engine/service/retry_delivery.py",
        "    if not context.may(actor, command.actor, run.requester, run.owner):\n        return _NOT_YOURS\n",
        "",
        "tests/integration/test_retried_copies.py",
    ),
    Fault(
        "a run is cancelled without a confirmation",
        "bot/web/run_pages.py",
        '        if form_data.text(form, "confirmed") != "yes":\n'
        "            return await self._confirmation(request, visit, act)\n",
        "",
        "tests/integration/web/test_run_pages.py",
    ),
    Fault(
        "a copy of one request is sent again from the page of another",
        "bot/web/request_pages.py",
        '        if all(each.id != copy for each in sent):\n            return NotFound(what="copy", name=copy)\n',
        "",
        "tests/integration/web/test_request_pages.py",
    ),
    Fault(
        "the stream of a run goes on after its reader has signed out",
        "bot/web/live_updates.py",
        "        if await self.context.service.identity.browser(self.reader.secret) is None:\n"
        "            return None\n",
        "",
        "tests/integration/web/test_run_pages.py",
    ),
    Fault(
        "the streams of a revoked link go on",
        "bot/web/live_updates.py",
        "        if revisions is None or not await self.context.service.still_sees(self.visit):\n",
        "        if revisions is None:\n",
        "tests/integration/web/test_live_updates.py",
    ),
    Fault(
        "an address gets no other code while many were asked for",
        "engine/store/challenges.py",
        "    return few or not any(challenge.live(now) for challenge in unanswered)\n",
        "    return few\n",
        f"{_LINKS} {_CODES}",
    ),
    Fault(
        "codes that went to other addresses count",
        "engine/store/challenges.py",
        """        _challenge.c.address == bindparam("address"),
        _challenge.c.created_at > bindparam("since"),""",
        """        _challenge.c.address >= bindparam("address"),
        _challenge.c.created_at > bindparam("since"),""",
        f"{_LINKS} {_CODES}",
    ),
    Fault(
        "approvers are not asked by email where Slack refuses permanently",
        "engine/delivery/results.py",
        "        if not _try_fall_back(tx, directory, claimed):\n",
        "        if True:\n",
        "tests/integration/test_routing.py",
    ),
    Fault(
        "an email without an answer of the server counts as not sent",
        "bot/email/errors.py",
        "        return Meaning.UNKNOWN if stage is Stage.ANSWER and not refused else Meaning.LATER\n",
        "        return Meaning.LATER\n",
        "tests/unit/bot/email/test_errors.py",
    ),
    Fault(
        "an email tells every approver that they decided",
        "bot/presentation/request_outcome.py",
        "    is_own = reader is not None and has_decided(request, reader)\n",
        "    is_own = reader is not None\n",
        "tests/unit/bot/presentation/test_card.py",
    ),
    Fault(
        "a line of data looks like a change in the text of an email",
        "bot/email/templates.py",
        '{gutter} {piece}".rstrip() for piece in truncate.folded',
        '{piece}".rstrip() for piece in truncate.folded',
        "tests/unit/bot/email/test_message.py",
    ),
    Fault(
        "a form of another site is taken",
        "bot/web/csrf.py",
        '        return [*sites] == ["same-origin"]\n',
        "        return True\n",
        "tests/integration/web/test_answers.py",
    ),
    # -- runs --
    Fault(
        "a decision does not wake its run",
        "engine/service/decide.py",
        "    wake(tx, request.subject.run)\n",
        "",
        _RUNS,
    ),
    Fault(
        "a wake is lost on a run that is being moved",
        "engine/store/run_rows.py",
        '.values(wakes=_run.c.wakes + _ONE, ready_at=bindparam("now"))\n)\n_PLACE',
        '.values(ready_at=bindparam("now"))\n)\n_PLACE',
        _RUNS,
    ),
    Fault(
        "a run is moved while another worker holds its lease",
        "engine/store/run_rows.py",
        "self.ready_at is not None and self.ready_at <= now and (self.lease_until is None or self.lease_until <= now)",
        "self.ready_at is not None and self.ready_at <= now",
        _RUNS,
    ),
    Fault(
        "an outcome is recorded by a worker that was overtaken",
        "engine/worker/advance.py",
        "        if run is None or run.rev != claimed.rev:\n",
        "        if run is None:\n",
        _RUNS,
    ),
    Fault(
        "the lease of a run is not renewed",
        "engine/worker/runner.py",
        "            await asyncio.sleep(self._renew_seconds)\n            try:\n",
        "            await asyncio.sleep(3600)\n            try:\n",
        _RUNS,
    ),
    Fault(
        "a step runs other content than was approved",
        "engine/worker/runner.py",
        "            if effect.digest is not None:\n",
        "            if effect.digest is None:\n",
        _RUNS,
    ),
    Fault(
        "a repeated call has another idempotency key",
        "engine/worker/runner.py",
        'idempotency_key=f"{claimed.run}:{effect.step.id}:{effect.visit}",',
        'idempotency_key=f"{claimed.run}:{effect.step.id}:{effect.attempt}",',
        _RUNS,
    ),
    Fault(
        "a step is answered as done without the output that later steps read",
        "engine/service/resume.py",
        "    return InvalidInputs(errors=problems, labels=expected.labels) if problems else output\n",
        "    return output\n",
        "tests/flow/test_commands.py tests/integration/slack/test_trouble.py",
    ),
    Fault(
        "a repetition is advised for an effect that may have happened",
        "bot/presentation/advice.py",
        '        return f"{before_trying_again(run)} {TRY_AGAIN}".strip()\n',
        "        return TRY_AGAIN\n",
        "tests/unit/bot/presentation/test_card.py tests/integration/slack/test_trouble.py",
    ),
    Fault(
        "a call that may not be repeated is repeated after a crash",
        "engine/runs/transition.py",
        "        if self._is_repeatable(step, visit) and visit.attempt < MAX_CRASHES:\n",
        "        if visit.attempt < MAX_CRASHES:\n",
        _RUNS,
    ),
    Fault(
        "an outcome that cannot be stored is dropped",
        "engine/worker/runner.py",
        "self._store.transact_with_retry(lambda tx: self._advancer.record(tx, claimed, outcome, {}))",
        "self._store.transact(lambda tx: self._advancer.record(tx, claimed, outcome, {}))",
        _RUNS,
    ),
    # -- who a person is --
    Fault(
        "two accounts become one person when an address moves",
        "engine/store/identities.py",
        "        if holder is not None and holder.account is None:\n",
        "        if holder is not None:\n",
        "tests/flow/test_year_of_people.py",
    ),
    Fault(
        "an approver is not looked up again at the decision",
        "engine/service/decide.py",
        "    if checked.excluded is not None:\n",
        "    if checked.excluded == command.request:\n",
        "tests/flow/test_year_of_people.py tests/integration/slack/test_people.py",
    ),
    Fault(
        "an address keeps the rights of its old person",
        "engine/store/identities.py",
        "    elif holder.account is None and (joined or alone):\n",
        "    elif joined or alone or holder.account is not None:\n",
        "tests/integration/test_people.py tests/integration/slack/test_people.py",
    ),
    Fault(
        "two approvals of one human count twice",
        "engine/store/joined_people.py",
        "        for statement in (_SETTLE_APPROVED, _MOVE_COUNTED, _DROP_COUNTED):\n",
        "        for statement in ():\n",
        "tests/integration/test_roles.py",
    ),
    Fault(
        "a person who left Slack is asked at another address of the roles file",
        "bot/roles/directory.py",
        "            if answer.standing is not None or answer.never:\n",
        "            if answer.guests:\n",
        "tests/integration/test_roles.py",
    ),
    Fault(
        "a deactivated approver may decide while an older answer of Slack is kept",
        "engine/service/eligibility.py",
        "    if approver.excluded == DEACTIVATED:\n",
        "    if approver.excluded == DEACTIVATED and not recipients:\n",
        "tests/integration/slack/test_deactivation.py",
    ),
    Fault(
        "a person who was removed from a role can still decide",
        "engine/service/eligibility.py",
        '        return None if is_member else f"the role {reference.value} no longer includes this person"\n',
        "        return None\n",
        "tests/integration/test_roles.py",
    ),
    Fault(
        "a proof of an address is valid again when the address returns",
        "engine/store/address_changes.py",
        "    for statement in (_REVOKE_LINKS, _REVOKE_BROWSERS):\n",
        "    for statement in (_REVOKE_LINKS,):\n",
        "tests/integration/test_people.py",
    ),
    # -- the store and the log --
    Fault(
        "a full disk is taken for a unit that failed by itself",
        "engine/store/sqlite.py",
        "        if not self._in_transaction:\n",
        "        if self._closed and not self._in_transaction:\n",
        "tests/integration/test_store.py",
    ),
    Fault(
        "the writes of a failed unit are kept",
        "engine/store/sqlite.py",
        '            self._execute("ROLLBACK TO unit")\n',
        "",
        "tests/integration/test_store.py",
    ),
    Fault(
        "people that a unit learned are cached although it was rolled back",
        "engine/store/sqlite.py",
        "                self._memory.forget()\n",
        "",
        "tests/integration/test_store.py",
    ),
    Fault(
        "people are cached although they changed",
        "engine/store/identities.py",
        "    tx.memory.forget()\n    return people.load_people(tx.connection, [person.id])[person.id]\n\n\n"
        "def _with_account",
        "    return people.load_people(tx.connection, [person.id])[person.id]\n\n\ndef _with_account",
        "tests/integration/test_store.py",
    ),
    Fault(
        "the old version of a workflow is started after a new one",
        "engine/store/workflows.py",
        "    tx.memory.forget()\n",
        "",
        "tests/integration/test_store.py",
    ),
    Fault(
        "work is announced that was not committed",
        "engine/store/sqlite.py",
        "            job.works = ()\n",
        "",
        "tests/integration/test_store.py",
    ),
    Fault(
        "the hashes of the log do not form a chain",
        "engine/store/audit_log.py",
        "        previous = sealed.hash\n",
        "",
        "tests/integration/test_store.py",
    ),
    Fault(
        "two processes own the file at one path",
        "engine/store/lock.py",
        "            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)\n",
        "tests/flow/test_ownership.py",
    ),
    Fault(
        "the lock is only beside the database, so a hard link bypasses it",
        "engine/store/lock.py",
        "        _lock_inode(descriptor, path)\n",
        "",
        "tests/flow/test_ownership.py",
    ),
    Fault(
        "a key is written in place, and a kill leaves half of it",
        "bot/server_key.py",
        '    files.write_whole(path, f"{key.hex()}\\n".encode())\n',
        "    with os.fdopen(files.create_private(path), 'wb') as file:\n"
        '        file.write(f"{key.hex()}\\n".encode())\n',
        "tests/unit/bot/test_server_key.py",
    ),
    Fault(
        "the verification of the log does not look at the tables",
        "bot/cli/audit.py",
        "        findings += _print_differences(reconciliation.compare(connection, DEFAULT_WORKSPACE))\n",
        "",
        "tests/flow/test_commands.py",
    ),
    Fault(
        "a decision in the tables needs no entry",
        "engine/store/reconciliation.py",
        "        if entry is None:\n            yield (",
        "        if entry is None and not row:\n            yield (",
        "tests/integration/test_reconciliation.py",
    ),
    Fault(
        "the verification of the log does not look at the policy of a request",
        "engine/store/reconciliation.py",
        "        if _policy(entry.content) != row.policy:\n",
        "        if not row.policy:\n",
        "tests/integration/test_reconciliation.py",
    ),
    Fault(
        "an old vote can be moved to a new version unnoticed",
        "engine/store/reconciliation.py",
        "    if row.content_version != _version_after(entry, content):\n",
        "    if not row.content_version:\n",
        "tests/integration/test_reconciliation.py",
    ),
    Fault(
        "a run goes on with a change that too few approved",
        "engine/runs/transition.py",
        "            after(step, visit, self._as_asked(step, visit, review))\n",
        "            after(step, visit, review)\n",
        "tests/unit/engine/runs/test_state_machine.py",
    ),
    Fault(
        "a removed database is still written to",
        "engine/store/sqlite.py",
        "            self._check_files()\n            self._report(None)\n",
        "            self._report(None)\n",
        "tests/integration/test_store.py",
    ),
    Fault(
        "a run keeps its lease when the database gets a new owner",
        "engine/store/takeover.py",
        '    tx.write(_RELEASE_RUNS, {"now": tx.now})\n',
        "",
        "tests/integration/test_runner.py",
    ),
    Fault(
        "a restored backup is used without a question",
        "engine/store/schema.py",
        "        if suspicion is not None and not restored:\n",
        "        if suspicion is not None and not suspicion:\n",
        "tests/flow/test_restored_backup.py",
    ),
    Fault(
        "a loaded dump of PostgreSQL is used without a question",
        "engine/store/postgres.py",
        "    if not restored:\n        continuity.refuse()\n",
        "",
        "tests/integration/test_restored_server.py",
    ),
    Fault(
        "a process goes on with a database that lacks what it saw",
        "engine/store/server_marks.py",
        "        if digest is None or bytes(digest) != seen:\n",
        "        if digest is not None and bytes(digest) != seen:\n",
        "tests/integration/test_restored_server.py",
    ),
    Fault(
        "the verification accepts contents that were erased without an entry",
        "engine/verify_audit.py",
        "    at, reached = 0, 0\n",
        "    at, reached = 0, 10**18\n",
        "tests/unit/engine/test_audit.py",
    ),
    Fault(
        "a vote takes the buttons of the others from a shared copy",
        "bot/slack/context.py",
        "card.outcome is None and by.channel.startswith(SLACK.channel_starts):",
        "card.outcome is None and not by.channel:",
        "tests/integration/slack/test_shared_copies.py",
    ),
    Fault(
        "a slow answer to a vote hides the outcome",
        "bot/slack/context.py",
        "            shown, card = card, await self.service.card(ref.request, by)\n",
        "            shown = card\n",
        "tests/integration/slack/test_policies.py",
    ),
    Fault(
        "the answer to a click brings back the buttons that it read",
        "bot/slack/replies.py",
        "if response_url is None or asks or card.step is not None:",
        "if response_url is None:",
        "tests/integration/slack/test_trouble.py",
    ),
    Fault(
        "a successful answer without JSON counts as no effect",
        "bot/slack/errors.py",
        "    unfinished = not error and (http_status < 300 or http_status == _REQUEST_TIMEOUT)\n",
        "    unfinished = False\n",
        "tests/integration/slack/test_unreadable.py",
    ),
    Fault(
        "a delivery of another workspace is taken",
        "bot/slack/installation.py",
        "        return self.team in delivery.teams\n",
        "        return True\n",
        "tests/integration/slack/test_admission.py",
    ),
    Fault(
        "a start with the same key starts again",
        "engine/service/start.py",
        "        if earlier is not None:\n",
        "        if earlier == command.key:\n",
        "tests/integration/test_store.py",
    ),
    Fault(
        "a value in the path of an address is not escaped",
        "engine/urls.py",
        '            return text\n    return quote(text, safe="")\n',
        "            return text\n    return text\n",
        "tests/unit/engine/test_urls.py tests/flow/test_try.py",
    ),
    Fault(
        "a dot segment from data leads the call elsewhere",
        "engine/urls.py",
        "    if _is_dotted(segment):\n",
        "    if not segment and _is_dotted(segment):\n",
        "tests/unit/engine/test_urls.py tests/flow/test_try.py",
    ),
    Fault(
        "only the plain form of a secret is masked",
        "engine/redaction.py",
        "    for depth in range(3):\n",
        "    for depth in range(2, 3):\n",
        "tests/unit/engine/test_redaction.py tests/integration/test_secrets_repeated.py",
    ),
    Fault(
        "an error of an answer is cut before its secrets are taken out",
        "engine/steps/http_response.py",
        '    text = redact(start.decode(_charset(answer), "replace"))\n',
        '    text = start.decode(_charset(answer), "replace")\n',
        "tests/integration/test_secrets_repeated.py",
    ),
    Fault(
        "a request may arrive without a time limit",
        "bot/web/protocol.py",
        "        elif self._deadline is not None and now >= self._deadline:\n",
        "        elif self._is_refused and self._deadline is not None and now >= self._deadline:\n",
        "tests/integration/web/test_limits.py",
    ),
    Fault(
        "headers may be as large as a client likes",
        "bot/web/protocol.py",
        "        if self._overhead > self._limits.head_bytes + _FRAMING * self._body:\n",
        "        if self._overhead < 0:\n",
        "tests/integration/web/test_limits.py",
    ),
    Fault(
        "silent connections block Slack",
        "bot/web/connections.py",
        "        has_room = unsigned < self.limits.connections - self.limits.kept or self._make_room()\n",
        "        has_room = unsigned < self.limits.connections - self.limits.kept\n",
        "tests/integration/web/test_limits.py",
    ),
    # -- several writers --
    Fault(
        "codes of an address are counted by two processes at once",
        "engine/store/challenges.py",
        '    tx.take_turn(f"codes {workspace} {address}")\n',
        '    tx.take_turn(f"codes {workspace} {address} {tx.new_id()}")\n',
        _WRITERS,
    ),
    Fault(
        "a right code is accepted whatever number of tries it saw",
        "engine/store/challenges.py",
        """        _challenge.c.tries == bindparam("seen"),
    )
    .values(used_at=bindparam("now"), decision=None)
""",
        """        _challenge.c.tries <= bindparam("seen") + TRIES,
    )
    .values(used_at=bindparam("now"), decision=None)
""",
        _WRITERS,
    ),
    Fault(
        "the owner of an address changes while others work with it",
        "engine/store/identities.py",
        "        return person  # nearly always: nothing has changed\n    tx.work_alone()\n",
        "        return person  # nearly always: nothing has changed\n",
        _WRITERS,
    ),
    Fault(
        "a run that is asked to end may open a request",
        "engine/store/run_rows.py",
        '        or_(_run.c.cancel.is_(None), bindparam("knows_cancel", type_=Boolean)),\n',
        '        or_(_run.c.cancel.is_(None), bindparam("knows_cancel", type_=Boolean), _run.c.rev > 0),\n',
        _WRITERS,
    ),
    Fault(
        "a result is recorded twice if the answer to its commit was lost",
        "engine/store/delivery_leases.py",
        "    & _delivery.c.lease_until.is_not(None)\n",
        "",
        "tests/integration/test_lost_database.py",
    ),
    Fault(
        "parameters that mean the same row are joined with it at once",
        "engine/store/postgres_batches.py",
        "        if match is not None and depth == 0 and match[1] not in changed:\n",
        "        if match is not None:\n",
        "tests/integration/test_batches.py",
    ),
    # -- shared copies --
    Fault(
        "the shared copy counts as a copy of the owner, who is named in its row",
        "engine/store/request_queries.py",
        "    _other.c.topic.is_(None),\n",
        "",
        _WAYS,
    ),
    Fault(
        "no one is asked if the shared copy cannot be posted",
        "engine/delivery/results.py",
        "    persons = [row.person for row in request.tally.waiting if row.person.id not in reached]\n",
        "    persons = [row.person for row in request.tally.waiting if row.person.id in reached]\n",
        _WAYS,
    ),
    Fault(
        "people who are asked by the shared copy are asked in Slack again before they are asked by email",
        "engine/delivery/routing.py",
        "            tried = self._tried | channels.get(person.id, set())\n",
        "            tried = channels.get(person.id, set())\n",
        _WAYS,
    ),
    Fault(
        "each reply in a thread is answered, however often a person types one",
        "bot/slack/event_handlers.py",
        "        if key in told:\n            return False\n",
        "",
        _SHARED_COPIES,
    ),
    Fault(
        "replies of bots are answered",
        "bot/slack/event_handlers.py",
        '    is_automatic = any(event.get(key) for key in ("bot_id", "bot_profile", "app_id", "hidden"))\n',
        "    is_automatic = False\n",
        _SHARED_COPIES,
    ),
    # -- what operators see --
    Fault(
        "the updates of copies follow from the start of the run",
        "bot/traces.py",
        """        above = ("start",) if attempt.step is None else (attempt.step, attempt.visit)
""",
        """        above = ("start",)
""",
        "tests/flow/test_traces.py",
    ),
    Fault(
        "a traceback in the log keeps its secrets",
        "bot/log.py",
        "return self._redact(self.formatException(record.exc_info)) if record.exc_info else None",
        "return self.formatException(record.exc_info) if record.exc_info else None",
        "tests/unit/bot/test_log.py",
    ),
    Fault(
        "any text of a client becomes the id of its request",
        "bot/request_scope.py",
        "id_ if id_ is not None and _SANE.fullmatch(id_) else new_id()",
        "id_ or new_id()",
        "tests/integration/web/test_request_ids.py",
    ),
    Fault(
        "a server with another key than the others is well",
        "bot/doctor/database_server.py",
        "    elif health.key_fingerprint == fingerprint:\n",
        "    elif health.key_fingerprint:\n",
        "tests/flow/test_doctor_on_postgres.py",
    ),
    # -- questions --
    Fault(
        "a question of a closed request can be answered",
        "engine/requests/questions.py",
        "    refusal = _check_needed(request, now) or wrong or ",
        "    refusal = wrong or ",
        _QUESTIONS,
    ),
    Fault(
        "any person answers a question",
        "engine/requests/questions.py",
        "        is_asked = person is not None and question.asked_to.id == person.id\n",
        "        is_asked = person is not None\n",
        _QUESTIONS,
    ),
    Fault(
        "the first of several answers ends the pause",
        "engine/requests/questions.py",
        "    return request.deadlines if others else request.deadlines.after_resuming(now, zones)\n",
        "    return request.deadlines.after_resuming(now, zones)\n",
        _QUESTIONS,
    ),
    Fault(
        "a link is enough to ask",
        "engine/requests/questions.py",
        "        or check_assurance(request, command)\n        or approver\n",
        "        or approver\n",
        "tests/integration/web/test_questions.py",
    ),
    Fault(
        "a pause lasts twice as long as it may",
        "engine/requests/deadlines.py",
        "lambda at: at + LONGEST_PAUSE), paused_at=now)",
        "lambda at: at + 2 * LONGEST_PAUSE), paused_at=now)",
        _QUESTIONS,
    ),
    Fault(
        "account gates: a person without one takes a place over",
        "engine/requests/succession.py",
        "    if request.needs_account and person.account is None:\n",
        "    if False:\n",
        "tests/integration/test_account_gates.py",
    ),
    Fault(
        "account gates: a person without one is asked",
        "engine/delivery/account_holders.py",
        "    if not needs_account:\n",
        "    if True:\n",
        "tests/integration/test_account_gates.py",
    ),
    Fault(
        "account gates: an owner without one is asked",
        "engine/worker/advance.py",
        "            owner_is_able=account_holders.may_decide(",
        "            owner_is_able=True or account_holders.may_decide(",
        "tests/integration/test_account_gates.py",
    ),
    Fault(
        "confirmed votes: the form of a code that was guessed at sends no other",
        "engine/store/challenges.py",
        " if sent.tries < TRIES)\n",
        ")\n",
        "tests/integration/test_confirmed_votes.py",
    ),
    Fault(
        "counted anew: not where two editors turn out to be one human",
        "engine/service/process_due.py",
        "request.policy.counts_votes or request.changes:\n",
        "request.policy.counts_votes:\n",
        "tests/integration/test_roles.py",
    ),
    Fault(
        "erasure: a person is found by the words of what named them",
        "engine/store/person_erasure.py",
        "    searchable = request_search.erase_words(tx, workspace, run)\n",
        "    searchable: list[str] = []\n",
        "tests/integration/test_erasure.py",
    ),
    Fault(
        "erasure: a person who is still needed is erased",
        "engine/service/erase_person.py",
        "    if why is not None:\n",
        "    if False and why is not None:\n",
        "tests/integration/test_erasure.py",
    ),
    Fault(
        "erasure: a person is gone while an open run names them",
        "engine/service/erase_person.py",
        '        return self.stage == "person" and not self.unfinished\n',
        '        return self.stage == "person"\n',
        "tests/integration/test_erasure.py",
    ),
    Fault(
        "erasure: an entry that tells of a changed request keeps its content",
        "engine/store/person_erasure.py",
        "    named.update(seq for seq, request in tells.items() if request in changed)\n",
        "",
        "tests/integration/test_erasure.py",
    ),
    Fault(
        "erasure: runs that ended today count as old",
        "engine/store/old_runs.py",
        "    is_old = (_run.c.ended_at < before) & _HAS_CONTENTS\n",
        "    is_old = _run.c.ended_at.is_not(None) & _HAS_CONTENTS\n",
        "tests/integration/test_erasure.py",
    ),
    Fault(
        "verify: one entry about everything explains what is erased later",
        "engine/verify_audit.py",
        "        if present:\n",
        "        if False and present:\n",
        "tests/unit/engine/test_audit.py",
    ),
    Fault(
        "rights: an auditor acts for others",
        "engine/access.py",
        "    return reader.is_admin or reader.person.id in persons\n",
        "    return reader.reads_everything or reader.person.id in persons\n",
        "tests/integration/web/test_rights.py tests/integration/slack/test_rights.py",
    ),
    Fault(
        "rights: the details in Slack are for all",
        "bot/slack/service.py",
        "        if reader is None or not may_see_request(reader, view):\n",
        "        if False:\n",
        "tests/integration/slack/test_rights.py",
    ),
    Fault(
        "sessions: signing out the others leaves them signed in",
        "engine/store/browsers.py",
        '    return tx.write(_REVOKE_ALL, {"of": of, "but": but, "now": tx.now})\n',
        "    return 2\n",
        "tests/integration/web/test_sessions.py",
    ),
    Fault(
        "digests: what a digest did not tell stays held",
        "engine/delivery/digests.py",
        "    digests.let_go(tx, _to(delivery), [request for request in about if request.waits])\n",
        "",
        "tests/integration/test_digests.py",
    ),
    Fault(
        "digests: a change posts the copies that are held",
        "engine/store/deliveries.py",
        "    or_(_delivery.c.topic.is_(None), _delivery.c.topic != HELD),\n",
        "",
        "tests/integration/test_digests.py",
    ),
    Fault(
        "digests: a request is held almost until its end",
        "engine/requests/quiet_times.py",
        "    return ends_at is None or until - now <= ends_at - until\n",
        "    return ends_at is None or until < ends_at\n",
        "tests/unit/engine/requests/test_quiet_times.py",
    ),
    Fault(
        "digests: silence may mean yes while no one was told",
        "engine/delivery/digests.py",
        "    if deadlines.on_expiry is OnExpiry.CONTINUE or deadlines.escalated_at is not None:\n",
        "    if deadlines.escalated_at is not None:\n",
        "tests/integration/test_digests.py",
    ),
    Fault(
        "digests: the time of a held request starts when it is told",
        "engine/requests/deadlines.py",
        "        started = self._started(now, zones)\n",
        "        started = self\n",
        "tests/unit/engine/requests/test_deadlines.py",
    ),
    # -- the Home tab --
    Fault(
        "home: what has to be decided alone is offered with others",
        "bot/slack/home_content.py",
        "    return is_waiting and why_alone(view.model) is None\n",
        "    return is_waiting\n",
        "tests/integration/slack/test_home.py",
    ),
    Fault(
        "home: the option of a request carries no content that it shows",
        "bot/slack/home_handlers.py",
        "        reason, views = view_state.read_reason(sent.view.values), await self._views(picked)\n",
        "        reason, views = view_state.read_reason(sent.view.values), await self._views(picked)\n"
        "        picked = [\n"
        "            Ref(request=one.id, content_version=one.model.content_version, digest=one.model.digest)\n"
        "            for one in views.values()\n"
        "        ]\n",
        "tests/integration/slack/test_home.py",
    ),
    Fault(
        "home: a tab is published after each change",
        "bot/slack/home_publisher.py",
        "        return self.timing.first if was_left_alone else self.timing.again\n",
        "        return self.timing.first\n",
        "tests/unit/bot/slack/test_home.py",
    ),
)
