// What people do with a message: the reactions below it, and the menu with its shortcuts.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { emoji } from "./text.js";

const QUICK = ["eyes", "white_check_mark", "+1"];

/** The reactions of a message: a press adds one's own, or takes it back. */
export function reactions(message, { me, react }) {
  if (!message.reactions?.length) return null;
  return h("p", { class: "reactions" }, message.reactions.map(({ name, users, count }) => {
    const mine = users.includes(me);
    const label = `${name}: ${count}`;
    return h("button", { type: "button", class: "reaction", "aria-label": label, "aria-pressed": String(mine), onclick: () => react(name, mine) }, emoji(name), ` ${count}`);
  }));
}

/** The menu of a message. `shortcuts`: names by callback id. */
export function menu({ shortcuts, react, use }) {
  const input = h("input", { type: "text", class: "input", name: "emoji", "aria-label": "Name of an emoji", placeholder: "name of an emoji", autocomplete: "off" });
  const close = () => node.removeAttribute("open");
  const send = (event) => {
    event.preventDefault();
    const name = input.value.trim().replace(/^:|:$/g, "");
    input.value = "";
    close();
    if (name) react(name, false);
  };
  const item = (label, action) => h("button", { type: "button", class: "button small", onclick: () => { close(); action(); } }, label);
  const node = h(
    "details",
    { class: "message-menu" },
    h("summary", { class: "icon-button", "aria-label": "Message menu" }, icon("more")),
  );
  // Made when it opens, because a page may show hundreds of messages.
  const items = () => h(
    "div",
    { class: "message-menu-items" },
    Object.entries(shortcuts).map(([callback, name]) => item(name, () => use(callback))),
    h("p", {}, QUICK.map((name) => h("button", { type: "button", class: "button small", "aria-label": `React with ${name}`, onclick: () => { close(); react(name, false); } }, emoji(name)))),
    h("form", { onsubmit: send }, input, h("button", { type: "submit", class: "button small" }, "React")),
  );
  node.addEventListener("toggle", () => node.open ? node.append(items()) : node.querySelector(".message-menu-items")?.remove());
  return node;
}
