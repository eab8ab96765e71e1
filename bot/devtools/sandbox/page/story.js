// The side panel: the events of the app, its runs with their copies, and its calls and deliveries.

import { get } from "./api.js";
import { h, reconcile, replace } from "./dom.js";
import { icon } from "./icons.js";
import { clock, full } from "./when.js";

const seconds = (iso) => Date.parse(iso) / 1000;

function when(iso, zone) {
  const at = seconds(iso);
  return h("time", { datetime: iso, title: full(at, zone) }, clock(at, zone));
}

const pill = (state) => h("span", { class: `pill state-${state}` }, state.replace(/_/g, " "));

export class Story {
  constructor(node) {
    this.node = node;
    this.turned = new Map();
    this.lines = h("ol", { class: "lines" });
    this.runs = h("ol", { class: "runs" });
    this.wire = h("ol", { class: "wire" });
    this.none = h("p", { class: "small" }, "Nothing has happened yet. What is started is told here: its steps, who was asked, and why.");
    this.overWire = h("details", { class: "part", ontoggle: () => this.refreshWire().catch(() => {}) }, h("summary", {}, h("h3", {}, "Over the wire")), this.wire);
    replace(
      node,
      h("div", { class: "story-head" }, h("h2", { tabindex: -1 }, "Story"), h("button", { type: "button", class: "icon-button close-story" }, icon("close"), h("span", { class: "visually-hidden" }, "Close the story"))),
      h(
        "div",
        { class: "story-body", tabindex: 0, role: "region", "aria-label": "What happened" },
        this.none,
        h("details", { class: "part", open: true }, h("summary", {}, h("h3", {}, "Runs and their copies")), this.runs),
        h("details", { class: "part", open: true }, h("summary", {}, h("h3", {}, "What happened, and why")), this.lines),
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
    reconcile(this.runs, story.runs.map((one, index) => {
      const requests = story.requests.filter((each) => each.run === one.id);
      const open = this.turned.get(one.id) ?? index === 0;
      return { key: one.id, stamp: JSON.stringify([one, requests, zone, open]), make: () => h("li", {}, this.run(one, requests, open)) };
    }));
    reconcile(this.lines, story.lines.map((one) => ({
      key: `${one.seq}`, stamp: JSON.stringify([one, zone]), make: () => line(one, zone),
    })));
    await this.refreshWire();
    return true;
  }

  /** The newest run is open; the others open on click. */
  run(one, requests, open) {
    const own = one.deliveries || [];
    const asked = requests.at(-1)?.title || one.title;
    return h(
      "details",
      { class: "run", open },
      h("summary", { "data-focus": "run", onclick: (event) => this.turned.set(one.id, !event.currentTarget.parentElement.open) }, h("span", { class: "run-head" }, h("strong", {}, asked), pill(one.status))),
      h("p", { class: "small" }, `${one.title} · ${one.id} · started by ${one.requester} `, when(one.started_at, this.zone)),
      one.error && h("p", { class: "error" }, one.error),
      h("ul", { class: "steps" }, one.steps.map((step) =>
        h("li", {}, h("span", {}, step.visit > 1 ? `${step.step} (${step.visit})` : step.step), pill(step.status), step.error && h("span", { class: "error" }, step.error)))),
      requests.map((each) => h("div", { class: "request" }, h("p", {}, each.title, " ", pill(each.state)), copies(each.deliveries))),
      own.length > 0 && h("div", { class: "request" }, h("p", {}, "Told"), copies(own)),
    );
  }

  async refreshWire() {
    if (!this.overWire.open) return;
    const [{ calls }, { deliveries }] = await Promise.all([get("/calls?last=12"), get("/deliveries?last=12")]);
    const out = deliveries.map((one, index) => ({
      key: `d${index}`, way: "to the app", what: one.payload.command || one.payload.event?.type || one.payload.type || one.kind,
      came: one.ack ? one.ack.problem || String(one.ack.status) : "…",
    }));
    const back = calls.map((one, index) => ({ key: `c${index}`, way: "from the app", what: one.method, came: one.outcome }));
    reconcile(this.wire, [...out, ...back].map((one) => ({
      key: one.key, stamp: JSON.stringify(one),
      make: () => h("li", {}, h("span", { class: "small" }, one.way), h("code", {}, one.what), pill(one.came)),
    })));
  }
}

function line(one, zone) {
  return h("li", {}, when(one.at, zone), h("p", {}, one.who && h("strong", {}, `${one.who} `), one.sentence), h("code", { class: "kind" }, one.kind));
}

function copies(deliveries) {
  return h("ul", { class: "copies" }, deliveries.map((one) => {
    const behind = one.state === "shown" && one.shown_version < one.wanted_version;
    const facts = [behind && "an update is due", one.last_error && one.attempts > 0 && `${one.attempts} failed ${one.attempts === 1 ? "try" : "tries"}`];
    return h(
      "li",
      {},
      h("span", {}, `${one.person} `, h("small", {}, `${one.channel}${one.kind === "request" ? "" : `, ${one.kind}`}`)),
      pill(one.state),
      h("small", {}, facts.filter(Boolean).join(", ")),
      one.last_error && h("small", { class: "error" }, one.last_error),
    );
  }));
}
