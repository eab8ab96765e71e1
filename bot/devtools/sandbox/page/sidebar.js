// The sidebar: the current person, and the conversations.

import { hints } from "./advice.js";
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

export const people = (users) => [...users.values()].filter((user) => !user.is_bot && !user.deleted);

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
  const entry = (place) =>
    h(
      "li",
      {},
      h(
        "a",
        { href: place.hash, class: place.unread ? "unread" : "", "aria-current": place.now ? "page" : null, "data-focus": place.hash },
        h("span", { class: "sign" }, icon(place.sign)),
        h("span", { class: "place" }, place.title),
        place.unread && h("span", { class: "mark" }, h("span", { class: "visually-hidden" }, "unread")),
      ),
    );
  replace(
    node,
    h("h2", { class: "side-title" }, "You are"),
    h(
      "ul",
      { class: "people" },
      people(users).map((user) =>
        h(
          "li",
          {},
          h(
            "a",
            { href: address(user.name), "aria-current": user.id === me.id ? "true" : null, "data-focus": `as ${user.name}` },
            avatar(user.real_name, coloured(user)),
            h("span", { class: "person" }, h("span", {}, user.real_name.split(" ")[0]), h("small", {}, role(user))),
          ),
          user.id !== me.id &&
            h(
              "a",
              { class: "beside", href: address(user.name), target: "_blank", rel: "noopener", title: `Open another window as ${user.real_name}`, "data-focus": `beside ${user.name}` },
              icon("window"),
              h("span", { class: "visually-hidden" }, `Another window as ${user.real_name}`),
            ),
        ),
      ),
    ),
    outsiders.length > 0 && [h("h2", { class: "side-title" }, "Not in Slack"), h("ul", { class: "people" }, outsiders.map(outsider))],
    h("h2", { class: "side-title" }, "App"),
    h("ul", { class: "places" }, app.map(entry)),
    h("h2", { class: "side-title" }, "Channels"),
    h("ul", { class: "places" }, channels.map(entry)),
  );
  if (focused) [...node.querySelectorAll("[data-focus]")].find((link) => link.dataset.focus === focused)?.focus();
}

/** A person who has only an address: they have no Slack, but a mailbox. */
const outsider = (user) =>
  h("li", {}, h("a", { href: mailbox(user), "data-focus": `mail of ${user.name}` }, avatar(user.real_name, coloured(user)), h("span", { class: "person" }, h("span", {}, user.real_name.split(" ")[0]), h("small", {}, "By email only")), h("span", { class: "visually-hidden" }, ": mailbox"), icon("mail")));

/** The page before a person is chosen. */
export async function chooser(users, outsiders) {
  const begin = await hints("", { here: true });
  return h(
    "div",
    { class: "chooser" },
    h("h1", {}, "Who are you?"),
    h("p", {}, "This is a Slack on your machine, with Signoff in it. Each window is one person. Open a second window to be another person too."),
    begin.length > 0 && h("div", { class: "begin" }, begin),
    h(
      "ul",
      { class: "cards" },
      people(users).map((user) =>
        h("li", {}, h("a", { class: "card", href: address(user.name) }, avatar(user.real_name, coloured(user)), h("span", {}, h("strong", {}, user.real_name), h("small", {}, `${role(user)} · ${user.tz.replace("_", " ")}`)))),
      ),
      outsiders.map((user) =>
        h("li", {}, h("a", { class: "card", href: mailbox(user) }, avatar(user.real_name, coloured(user)), h("span", {}, h("strong", {}, user.real_name), h("small", {}, "By email only · opens the mailbox")))),
      ),
    ),
  );
}
