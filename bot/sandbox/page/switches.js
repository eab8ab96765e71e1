// What can be switched: how well Slack works, and light or dark.

import { get, post, remove } from "./api.js";
import { h } from "./dom.js";

const FAULTS = {
  works: { label: "Slack works", said: "" },
  down: { label: "Slack down", said: "Slack is down: nothing gets through to the app or from it." },
  slow: { label: "Slack slow", said: "Slack is slow: every call of the app takes 5 seconds." },
  limited: { label: "Slack limits", said: "Slack refuses every call of the app: too many requests, again in 5 seconds." },
};
const ARMED = {
  slow: { on: "*", kind: "slow", seconds: 5, times: null },
  limited: { on: "*", kind: "ratelimited", seconds: 5, times: null },
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
  constructor({ node, banner, failed }) {
    this.banner = banner;
    this.failed = failed;
    this.fault = selectOf(FAULTS, { label: "How Slack works", now: "works", change: (wanted) => this.arm(wanted) });
    const theme = localStorage.getItem("theme") || "auto";
    this.theme = selectOf(THEMES, { label: "Colours", now: theme, change: paint });
    paint(theme);
    node.append(this.fault, this.theme);
  }

  async arm(wanted) {
    try {
      await remove("/faults");
      if (wanted === "down") await post("/faults", { down: true });
      if (ARMED[wanted]) await post("/faults", ARMED[wanted]);
    } catch (error) {
      this.failed(error.message);
    }
  }

  async refresh() {
    const { down, queue } = await get("/faults");
    const armed = Object.keys(ARMED).find((name) => queue.some((one) => one.on === "*" && one.kind === ARMED[name].kind && one.times === null));
    const now = down ? "down" : armed || "works";
    if (document.activeElement !== this.fault || this.fault.value !== now) this.fault.value = now;
    this.say(FAULTS[now].said);
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
