// The side panel: the runs, what happened in them, and the calls between Slack and the app.

import { get } from "./api.js";
import { h, reconcile, replace } from "./dom.js";
import { icon } from "./icons.js";
import { clock, full } from "./when.js";

const WAYS = { slack: "Slack", email: "email", terminal: "terminal" };

const seconds = (iso) => Date.parse(iso) / 1000;

function when(iso, zone) {
  const at = seconds(iso);
  return h("time", { datetime: iso, title: full(at, zone) }, clock(at, zone));
}

/** A state as the app words it. Screen readers get the words without the icon. */
const pill = ({ icon: sign, words, tone }) => h("span", { class: `pill is-${tone}` }, h("span", { class: "sign-of", "aria-hidden": "true" }, sign), ` ${words}`);

const outcomePill = (outcome) => h("span", { class: `pill is-${/^(ok|2\d\d)$/.test(outcome) ? "done" : "calm"}` }, outcome);

export class Story {
  constructor(node) {
    this.node = node;
    this.turned = new Map();
    this.lines = h("ol", { class: "lines" });
    this.runs = h("ol", { class: "runs" });
    this.wire = h("ol", { class: "wire" });
    // A heading over nothing would only ask what is missing.
    this.parts = [["Runs", this.runs], ["What happened, and why", this.lines]].map(([title, list]) =>
      h("details", { class: "part", open: true, hidden: true }, h("summary", {}, h("h3", {}, title)), list));
    this.none = h("p", { class: "small" }, "Nothing has happened yet. Once Cleo starts something, you see here who is asked, why, and what became of it.");
    this.overWire = h("details", { class: "part", ontoggle: () => this.refreshWire().catch(() => {}) }, h("summary", {}, h("h3", {}, "Calls between Slack and Signoff")), this.wire);
    replace(
      node,
      h("div", { class: "story-head" }, h("h2", { tabindex: -1 }, "Story"), h("button", { type: "button", class: "icon-button close-story" }, icon("close"), h("span", { class: "visually-hidden" }, "Close the story"))),
      h(
        "div",
        { class: "story-body", tabindex: 0, role: "region", "aria-label": "What happened" },
        this.none,
        ...this.parts,
        this.overWire,
      ),
    );
  }

  /** Whether there is a story. */
  async refresh(zone) {
    const { story } = await get("/story");
    if (!story) return false;
    this.zone = zone;
    this.none.hidden = story.runs.length > 0;
    reconcile(this.runs, story.runs.map((run, index) => {
      const requests = story.requests.filter((request) => request.run === run.id);
      const open = this.turned.get(run.id) ?? index === 0;
      return { key: run.id, stamp: JSON.stringify([run, requests, zone, open]), make: () => h("li", {}, this.run(run, requests, open)) };
    }));
    reconcile(this.lines, story.lines.map((entry) => ({
      key: `${entry.seq}`, stamp: JSON.stringify([entry, zone]), make: () => line(entry, zone),
    })));
    for (const part of this.parts) part.hidden = part.querySelector("ol").children.length === 0;
    await this.refreshWire();
    return true;
  }

  /** The newest run is open; the others open on click. */
  run(run, requests, open) {
    const own = run.deliveries || [];
    const title = requests.at(-1)?.title || run.title;
    return h(
      "details",
      { class: "run", open },
      h("summary", { "data-focus": "run", onclick: (event) => this.turned.set(run.id, !event.currentTarget.parentElement.open) }, h("span", { class: "run-head" }, h("strong", {}, title), pill(run))),
      h("p", { class: "small", title: `Run ${run.id}` }, `${run.title}, started by ${run.requester}, `, when(run.started_at, this.zone)),
      run.error && h("p", { class: "error" }, run.error),
      h("ul", { class: "steps" }, run.steps.map((step) =>
        h("li", {}, h("span", {}, step.visit > 1 ? `${step.title} (${step.visit})` : step.title), pill(step), step.error && h("span", { class: "error" }, step.error)))),
      requests.map((request) => h("div", { class: "request" }, h("p", {}, request.title === title ? "Asked" : request.title, " ", pill(request)), copies(request.deliveries))),
      own.length > 0 && h("div", { class: "request" }, h("p", {}, "Messages about this run"), copies(own)),
    );
  }

  async refreshWire() {
    if (!this.overWire.open) return;
    const [{ calls }, { deliveries }] = await Promise.all([get("/calls?last=12"), get("/deliveries?last=12")]);
    const out = deliveries.map((delivery, index) => ({
      key: `d${index}`, way: "to the app", what: delivery.payload.command || delivery.payload.event?.type || delivery.payload.type || delivery.kind,
      outcome: delivery.ack ? delivery.ack.problem || String(delivery.ack.status) : "…",
    }));
    const back = calls.map((call, index) => ({ key: `c${index}`, way: "from the app", what: call.method, outcome: call.outcome }));
    reconcile(this.wire, [...out, ...back].map((entry) => ({
      key: entry.key, stamp: JSON.stringify(entry),
      make: () => h("li", {}, h("span", { class: "small" }, entry.way), h("code", {}, entry.what), outcomePill(entry.outcome)),
    })));
  }
}

function line(entry, zone) {
  return h("li", { title: entry.kind }, when(entry.at, zone), h("p", {}, entry.who && h("strong", {}, `${entry.who} `), entry.sentence));
}

function copies(deliveries) {
  return h("ul", { class: "copies" }, deliveries.map((delivery) => {
    const behind = delivery.state === "shown" && delivery.shown_version < delivery.wanted_version;
    const facts = [behind && "an update is on its way", delivery.last_error && delivery.attempts > 0 && `tried ${delivery.attempts === 1 ? "once" : `${delivery.attempts} times`}`];
    return h(
      "li",
      {},
      h("span", {}, `${delivery.person} `, h("small", {}, `by ${WAYS[delivery.channel] || delivery.channel}${delivery.kind === "request" ? "" : `, ${delivery.kind}`}`)),
      pill(delivery),
      h("small", {}, facts.filter(Boolean).join(", ")),
      delivery.last_error && h("small", { class: "error" }, delivery.last_error),
    );
  }));
}
