// The messages of a conversation as one person sees them.

import { act } from "./api.js";
import { blocks } from "./blocks.js";
import { h, reconcile } from "./dom.js";
import { icon } from "./icons.js";
import { mrkdwn } from "./text.js";
import { clock, day, full, heading } from "./when.js";

/** A coloured square with initials. */
export function avatar(name, id = name) {
  const letters = name.split(/\s+/).map((one) => one[0] || "").slice(0, 2).join("").toUpperCase();
  const tone = [...id].reduce((sum, one) => (sum * 31 + one.charCodeAt(0)) % 6, 0);
  return h("span", { class: `avatar tone-${tone}`, "aria-hidden": "true" }, letters);
}

/** The seed of the colour of a person: the same in Slack and in emails. */
export const coloured = (user) => user?.email?.toLowerCase() || user?.id;

const appAvatar = () => h("span", { class: "avatar app" }, h("img", { src: "/sandbox/page/mark.svg", alt: "" }));

/**
 * Bring the list up to date. `context`: the context of blocks; `troubles`: by ts, the failures that Slack shows at a
 * message; `acted(place)` is called before an action of the person at this place.
 */
export function showMessages(list, messages, { context, me, troubles, acted, failed }) {
  const items = [];
  let before = "";
  for (const one of messages) {
    const today = day(Number(one.ts), context.zone);
    if (today !== before) {
      const said = heading(Number(one.ts), context.zone);
      items.push({ key: `day ${today}`, stamp: said, make: () => h("li", { class: "day" }, h("span", {}, said)) });
    }
    before = today;
    const trouble = troubles.get(one.ts) || null;
    items.push({
      key: one.ts,
      stamp: JSON.stringify([one, trouble?.at, context.zone]),
      make: () => item(one, { context: { ...context, surface: "message", acts: acts(one, { me, acted, failed }) }, trouble }),
    });
  }
  reconcile(list, items);
}

/** Actions send the message as the person sees it, even if it has changed since, like Slack's client. */
function acts(message, { me, acted, failed }) {
  const { channel, ts } = message;
  const attempt = async (what, body) => {
    acted(`message ${ts}`);
    failed(null);
    try {
      await act(me, what, body);
    } catch (error) {
      failed(error.message);
    }
  };
  return {
    click: (button) => attempt("click", { button, on: message, stale: true }),
    choose: (input, value) => attempt("choose", { input, value, on: { channel, ts } }),
  };
}

function item(one, { context, trouble }) {
  const bot = one.bot_profile;
  const author = context.users.get(one.user);
  const name = bot?.name || author?.real_name || one.user;
  const at = Number(one.ts);
  return h(
    "li",
    { class: `message ${one.is_ephemeral ? "ephemeral" : ""}` },
    bot ? appAvatar() : avatar(name, coloured(author) || one.user),
    h(
      "div",
      { class: "message-body" },
      one.is_ephemeral && h("p", { class: "only-you" }, icon("eye"), "Only visible to you"),
      h(
        "p",
        { class: "message-head" },
        h("strong", {}, name),
        bot && h("span", { class: "badge" }, "APP"),
        h("time", { datetime: new Date(at * 1000).toISOString(), title: full(at, context.zone) }, clock(at, context.zone)),
      ),
      one.thread_ts && one.thread_ts !== one.ts && h("p", { class: "small" }, "Replied in a thread"),
      one.blocks?.length ? blocks(one.blocks, context) : h("div", { class: "block words" }, mrkdwn(one.text, context)),
      one.edited && h("span", { class: "small" }, "(edited)"),
      (one.attachments || []).map((each) => h("div", { class: "attachment words" }, mrkdwn(each.text || each.fallback || "", context))),
      trouble && troubleLine(trouble),
    ),
  );
}

/** A failure as Slack shows it: a warning sign and a sentence. */
export function troubleLine({ text, code }) {
  return h("p", { class: "trouble", role: "alert" }, icon("warning"), h("span", {}, text), code && h("code", {}, code));
}
