// The sidebar: the current person, and the conversations.

import { h, replace } from "./dom.js";
import { icon } from "./icons.js";
import { avatar, coloured } from "./messages.js";

/** The role of a person, in a word or two. */
export function role(user) {
  if (user.is_ultra_restricted) return "Single-channel guest";
  if (user.is_restricted) return "Guest";
  const [, ...rest] = user.real_name.split(" ");
  return rest.join(" ") || (user.is_admin ? "Admin" : "Member");
}

export const people = (users) => [...users.values()].filter((one) => !one.is_bot && !one.deleted);

/** The URL of the mailbox of a person. */
export const mailbox = (user) => `/sandbox/mail?to=${encodeURIComponent(user.email)}`;

const address = (name) => `?as=${encodeURIComponent(name)}`;

let shown = "";

/** `places`: [{hash, title, sign, unread, now}] in two groups. */
export function showSidebar(node, { users, outsiders, me, app, channels, theme }) {
  const stamp = JSON.stringify([[...users.keys()], me.id, app, channels, theme]);
  if (stamp === shown) return;
  shown = stamp;
  const focused = document.activeElement?.dataset?.focus;
  const item = (one) =>
    h(
      "li",
      {},
      h(
        "a",
        { href: one.hash, class: one.unread ? "unread" : "", "aria-current": one.now ? "page" : null, "data-focus": one.hash },
        h("span", { class: "sign" }, icon(one.sign)),
        h("span", { class: "place" }, one.title),
        one.unread && h("span", { class: "mark" }, h("span", { class: "visually-hidden" }, "unread")),
      ),
    );
  replace(
    node,
    h("h2", { class: "side-title" }, "You are"),
    h(
      "ul",
      { class: "people" },
      people(users).map((one) =>
        h(
          "li",
          {},
          h(
            "a",
            { href: address(one.name), "aria-current": one.id === me.id ? "true" : null, "data-focus": `as ${one.name}` },
            avatar(one.real_name, coloured(one)),
            h("span", { class: "person" }, h("span", {}, one.real_name.split(" ")[0]), h("small", {}, role(one))),
          ),
          one.id !== me.id &&
            h(
              "a",
              { class: "beside", href: address(one.name), target: "_blank", rel: "noopener", title: `Open another window as ${one.real_name}`, "data-focus": `beside ${one.name}` },
              icon("window"),
              h("span", { class: "visually-hidden" }, `Another window as ${one.real_name}`),
            ),
        ),
      ),
    ),
    outsiders.length > 0 && [h("h2", { class: "side-title" }, "Not in Slack"), h("ul", { class: "people" }, outsiders.map(outsider))],
    h("h2", { class: "side-title" }, "App"),
    h("ul", { class: "places" }, app.map(item)),
    h("h2", { class: "side-title" }, "Channels"),
    h("ul", { class: "places" }, channels.map(item)),
  );
  if (focused) [...node.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focused)?.focus();
}

/** A person who has only an address: they have no Slack, but a mailbox. */
const outsider = (one) =>
  h("li", {}, h("a", { href: mailbox(one), "data-focus": `mail of ${one.name}` }, avatar(one.real_name, coloured(one)), h("span", { class: "person" }, h("span", {}, one.real_name.split(" ")[0]), h("small", {}, "By email only")), h("span", { class: "visually-hidden" }, ": mailbox"), icon("mail")));

/** The page before a person is chosen. */
export function chooser(users, outsiders) {
  return h(
    "div",
    { class: "chooser" },
    h("h1", {}, "Who are you?"),
    h("p", {}, "This is a local Slack, with Signoff in it. Choose somebody to be; open a second window to be somebody else as well."),
    h(
      "ul",
      { class: "cards" },
      people(users).map((one) =>
        h("li", {}, h("a", { class: "card", href: address(one.name) }, avatar(one.real_name, coloured(one)), h("span", {}, h("strong", {}, one.real_name), h("small", {}, `${role(one)} · ${one.tz.replace("_", " ")}`)))),
      ),
      outsiders.map((one) =>
        h("li", {}, h("a", { class: "card", href: mailbox(one) }, avatar(one.real_name, coloured(one)), h("span", {}, h("strong", {}, one.real_name), h("small", {}, "By email only · opens the mailbox")))),
      ),
    ),
  );
}
