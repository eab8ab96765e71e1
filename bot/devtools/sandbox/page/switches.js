// Switches: faults of Slack or of the mail server, and the light or dark theme.

import { get, post, remove } from "./api.js";
import { h, newId } from "./dom.js";

/** `faults`: the choices, each with the `fault` that it arms. `down` is a separate switch. */
export const SLACK = {
  label: "Slack",
  path: "/faults",
  faults: {
    works: { label: "works", said: "" },
    down: { label: "is down", said: "Slack is down: nothing reaches Signoff, and nothing comes from it." },
    slow: { label: "is slow", said: "Slack is slow: every call from Signoff takes 5 seconds.", fault: { on: "*", kind: "slow", seconds: 5 } },
    limited: { label: "is busy", said: "Slack is busy: it refuses every call from Signoff, and asks it to try again in 5 seconds.", fault: { on: "*", kind: "ratelimited", seconds: 5 } },
  },
};
export const MAIL = {
  label: "Email",
  path: "/mail/faults",
  faults: {
    works: { label: "works", said: "" },
    down: { label: "is down", said: "The mail server is down. Signoff cannot connect to it." },
    slow: { label: "is slow", said: "The mail server is slow: every answer takes 5 seconds.", fault: { on: "*", kind: "slow", seconds: 5 } },
    busy: { label: "is busy", said: "The mail server is busy: it asks Signoff to try again later (421).", fault: { on: "connect", kind: "error", code: 421 } },
    unknown: { label: "knows no one", said: "The mail server refuses every email: it does not know the recipient (550).", fault: { on: "rcpt", kind: "error", code: 550 } },
    full: { label: "is full", said: "Every mailbox is full (552).", fault: { on: "rcpt", kind: "error", code: 552 } },
    lost: { label: "loses the answer", said: "Emails arrive, but the connection breaks before the mail server says so.", fault: { on: "dot", kind: "lost" } },
  },
};
const THEMES = { auto: "auto", light: "light", dark: "dark" };

function selectOf(options, { label, now, change }) {
  const id = newId("switch");
  const node = h(
    "select",
    { id, class: "switch", "data-focus": label, onchange: (event) => change(event.target.value) },
    Object.entries(options).map(([value, name]) => h("option", { value }, name.label || name)),
  );
  node.value = now;
  return { node, labelled: h("span", { class: "labelled" }, h("label", { for: id }, label), node) };
}

export class Switches {
  constructor({ node, banner, failed, subject = SLACK }) {
    this.subject = subject;
    this.banner = banner;
    this.failed = failed;
    const fault = selectOf(subject.faults, { label: subject.label, now: "works", change: (wanted) => this.arm(wanted) });
    const theme = localStorage.getItem("theme") || "auto";
    const colours = selectOf(THEMES, { label: "Colours", now: theme, change: paint });
    this.fault = fault.node;
    paint(theme);
    node.append(fault.labelled, colours.labelled);
  }

  async arm(wanted) {
    try {
      const { path, faults } = this.subject;
      await remove(path);
      if (wanted === "down") await post(path, { down: true });
      if (faults[wanted].fault) await post(path, { ...faults[wanted].fault, times: null });
    } catch (error) {
      this.failed(error.message);
    }
  }

  async refresh() {
    const { down, queue } = await get(this.subject.path);
    const armed = this.armed(queue.filter((fault) => fault.times === null));
    const now = down ? "down" : armed || "works";
    if (document.activeElement !== this.fault || this.fault.value !== now) this.fault.value = now;
    this.say(this.subject.faults[now].said);
  }

  armed(queue) {
    const same = (armed, fault) => Object.entries(fault).every(([name, value]) => armed[name] === value);
    const entry = Object.entries(this.subject.faults).find(([, { fault }]) => fault && queue.some((armed) => same(armed, fault)));
    return entry?.[0];
  }

  say(sentence) {
    if (this.banner.textContent !== sentence) this.banner.textContent = sentence;
    this.banner.hidden = !sentence;
  }
}

function paint(theme) {
  localStorage.setItem("theme", theme);
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
