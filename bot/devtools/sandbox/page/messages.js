// The messages of a conversation as one person sees them.

import { act } from "./api.js";
import { blocks } from "./blocks.js";
import { h, reconcile } from "./dom.js";
import { icon } from "./icons.js";
import { menu, reactions } from "./message-menu.js";
import { mrkdwn } from "./text.js";
import { clock, day, full, heading } from "./when.js";

/** A coloured square with initials. */
export function avatar(name, id = name) {
  const letters = name.split(/\s+/).map((word) => word[0] || "").slice(0, 2).join("").toUpperCase();
  const tone = [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 6, 0);
  return h("span", { class: `avatar tone-${tone}`, "aria-hidden": "true" }, letters);
}

/** The seed of the colour of a person: the same in Slack and in emails. */
export const coloured = (user) => user?.email?.toLowerCase() || user?.id;

const appAvatar = () => h("span", { class: "avatar app" }, h("img", { src: "/sandbox/page/mark.svg", alt: "" }));

/**
 * Bring the list up to date. `context`: the context of blocks; `troubles`: by ts, the failures that Slack shows at a
 * message; `acted(place)` is called before an action of the person at this place; `reply(message)` begins a reply in the
 * thread of a message, and is left out where people write to the app alone; `shortcuts`: of the menu of messages, the
 * names by callback id.
 */
export function showMessages(list, messages, { context, me, troubles, acted, failed, reply, shortcuts }) {
  const items = [];
  let before = "";
  for (const message of messages) {
    const today = day(Number(message.ts), context.zone);
    if (today !== before) {
      const title = heading(Number(message.ts), context.zone);
      items.push({ key: `day ${today}`, stamp: title, make: () => h("li", { class: "day" }, h("span", {}, title)) });
    }
    before = today;
    const trouble = troubles.get(message.ts) || null;
    items.push({
      key: message.ts,
      stamp: JSON.stringify([message, trouble?.at, context.zone]),
      make: () => item(message, { context: { ...context, surface: "message", acts: acts(message, { me, acted, failed }) }, trouble, reply, me: context.person, shortcuts }),
    });
  }
  reconcile(list, items);
}

/** Actions send the message as the person sees it, even if it has changed since, like Slack's client. */
function acts(message, { me, acted, failed }) {
  const { channel, ts } = message;
  const attempt = async (action, body) => {
    acted(`message ${ts}`);
    failed(null);
    try {
      await act(me, action, body);
    } catch (error) {
      failed(error.message);
    }
  };
  return {
    click: (button) => attempt("click", { button, on: message, stale: true }),
    choose: (input, value) => attempt("choose", { input, value, on: { channel, ts } }),
    use: (callback) => attempt("shortcut", { callback_id: callback, on: { channel, ts } }),
    react: (name, remove) => attempt("react", { emoji: name, remove, on: { channel, ts } }),
  };
}

function item(message, { context, trouble, reply, me, shortcuts }) {
  const bot = message.bot_profile;
  const author = context.users.get(message.user);
  const name = bot?.name || author?.real_name || message.user;
  const at = Number(message.ts);
  const asks = bot && !message.is_ephemeral && message.blocks?.some((block) => block.type === "actions");
  return h(
    "li",
    { class: `message ${message.is_ephemeral ? "ephemeral" : ""}` },
    bot ? appAvatar() : avatar(name, coloured(author) || message.user),
    h(
      "div",
      { class: "message-body" },
      message.is_ephemeral && h("p", { class: "only-you" }, icon("eye"), "Only visible to you"),
      h(
        "p",
        { class: "message-head" },
        h("strong", {}, name),
        bot && h("span", { class: "badge" }, "APP"),
        h("time", { datetime: new Date(at * 1000).toISOString(), title: full(at, context.zone) }, clock(at, context.zone)),
      ),
      message.thread_ts && message.thread_ts !== message.ts && h("p", { class: "small" }, message.subtype === "thread_broadcast" ? "Replied in a thread, and shown here too" : "Replied in a thread"),
      message.blocks?.length ? blocks(message.blocks, context) : h("div", { class: "block words" }, mrkdwn(message.text, context)),
      message.edited && h("span", { class: "small" }, "(edited)"),
      (message.attachments || []).map((attachment) => h("div", { class: "attachment words" }, mrkdwn(attachment.text || attachment.fallback || "", context))),
      message.reply_count && h("p", { class: "small" }, message.reply_count === 1 ? "1 reply in the thread" : `${message.reply_count} replies in the thread`),
      reactions(message, { me, ...context.acts }),
      reply && asks && h("p", {}, h("button", { type: "button", class: "button small", onclick: () => reply(message) }, "Reply in thread")),
      trouble && troubleLine(trouble),
    ),
    !message.is_ephemeral && menu({ shortcuts, ...context.acts }),
  );
}

/** A failure as Slack shows it: a warning sign and a sentence. */
export function troubleLine({ text, code }) {
  return h("p", { class: "trouble", role: "alert" }, icon("warning"), h("span", {}, text), code && h("code", {}, code));
}
