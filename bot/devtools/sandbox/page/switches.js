// Switches: faults of Slack or of the mail server, and the light or dark theme.

import { get, post, remove } from "./api.js";
import { h } from "./dom.js";

/** `faults`: the choices, each with the `fault` that it arms. `down` is a separate switch. */
export const SLACK = {
  label: "How Slack works",
  path: "/faults",
  faults: {
    works: { label: "Slack works", said: "" },
    down: { label: "Slack down", said: "Slack is down: nothing gets through to the app or from it." },
    slow: { label: "Slack slow", said: "Slack is slow: every call of the app takes 5 seconds.", fault: { on: "*", kind: "slow", seconds: 5 } },
    limited: { label: "Slack limits", said: "Slack refuses every call of the app: too many requests, again in 5 seconds.", fault: { on: "*", kind: "ratelimited", seconds: 5 } },
  },
};
export const MAIL = {
  label: "How the mail works",
  path: "/mail/faults",
  faults: {
    works: { label: "Mail works", said: "" },
    down: { label: "Mail down", said: "The mail server is down: nobody can connect to it." },
    slow: { label: "Mail slow", said: "The mail server is slow: every answer takes 5 seconds.", fault: { on: "*", kind: "slow", seconds: 5 } },
    busy: { label: "Mail busy", said: "The mail server sends everybody away: try again later (421).", fault: { on: "connect", kind: "error", code: 421 } },
    unknown: { label: "No mailbox", said: "The mail server knows no recipient (550).", fault: { on: "rcpt", kind: "error", code: 550 } },
    full: { label: "Mailbox full", said: "Every mailbox is full (552).", fault: { on: "rcpt", kind: "error", code: 552 } },
    lost: { label: "Mail unsure", said: "Mails arrive, but the connection breaks before the mail server says so.", fault: { on: "dot", kind: "lost" } },
  },
};
const THEMES = { auto: "Auto", light: "Light", dark: "Dark" };

function selectOf(options, { label, now, change }) {
  const node = h(
    "select",
    { class: "switch", "aria-label": label, "data-focus": label, onchange: (event) => change(event.target.value) },
    Object.entries(options).map(([value, name]) => h("option", { value }, name.label || name)),
  );
  node.value = now;
  return node;
}

export class Switches {
  constructor({ node, banner, failed, subject = SLACK }) {
    this.subject = subject;
    this.banner = banner;
    this.failed = failed;
    this.fault = selectOf(subject.faults, { label: subject.label, now: "works", change: (wanted) => this.arm(wanted) });
    const theme = localStorage.getItem("theme") || "auto";
    this.theme = selectOf(THEMES, { label: "Colours", now: theme, change: paint });
    paint(theme);
    node.append(this.fault, this.theme);
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
