// Slack's text objects as DOM nodes: plain_text and mrkdwn (docs.slack.dev/messaging/formatting-message-text).

import { h } from "./dom.js";
import { format, full } from "./when.js";

const EMOJI = {
  smile: "😄", tada: "🎉", warning: "⚠️", x: "❌", eyes: "👀", rocket: "🚀", heart: "❤️", fire: "🔥", wave: "👋",
  white_check_mark: "✅", heavy_check_mark: "✔️", thumbsup: "👍", "+1": "👍", thumbsdown: "👎", "-1": "👎",
  hourglass: "⌛", clock1: "🕐", lock: "🔒", memo: "📝", bell: "🔔", moneybag: "💰", no_entry: "⛔", question: "❓",
};

export const emoji = (name, unicode) =>
  unicode ? String.fromCodePoint(...unicode.split("-").map((code) => parseInt(code, 16))) : EMOJI[name] || `:${name}:`;

const withEmoji = (text) => text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => EMOJI[name] || whole);

const unescape = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

/** A text object, either kind. */
export function text(object, context) {
  if (!object) return [];
  if (object.type === "mrkdwn") return mrkdwn(object.text, context);
  return [object.emoji === false ? object.text : withEmoji(object.text)];
}

/** The plain words of a text object, for labels. */
export const words = (object) => (object ? text(object, { plain: true }).map((node) => node.textContent ?? node).join("") : "");

/** Whether a link leads to a website or an email address; no other links are followed. */
export function harmless(url) {
  try {
    return ["http:", "https:", "mailto:"].includes(new URL(url).protocol);
  } catch {
    return false;
  }
}

/** A link, or only its text if the link is not safe. */
export function link(url, children) {
  if (!harmless(url)) return h("span", {}, children);
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, children);
}

export function person(id, context) {
  const user = context.users?.get(id);
  return h("span", { class: "mention" }, `@${user ? user.real_name : id}`);
}

/** A time in the given format and in the reader's time zone, or `fallback` if it is not a time. */
export function moment(seconds, pattern, context, { url, fallback } = {}) {
  const at = Number(seconds);
  if (!Number.isFinite(at)) return fallback || "";
  const zone = context.zone || "UTC";
  const shown = h("time", { datetime: new Date(at * 1000).toISOString(), title: full(at, zone) }, format(pattern, at, zone));
  return url ? link(url, shown) : shown;
}

// -- mrkdwn ---------------------------------------------------------------------------------------------------------

export function mrkdwn(source, context) {
  const nodes = [];
  for (const [index, part] of source.split("```").entries()) {
    if (index % 2) nodes.push(h("pre", {}, unescape(part.replace(/^\n/, ""))));
    else nodes.push(...lines(part, context));
  }
  return nodes;
}

function lines(source, context) {
  const nodes = [];
  let quote = null;
  source.split("\n").forEach((line, index, all) => {
    const quoted = /^(&gt;|>)\s?/.exec(line);
    if (quoted) {
      if (!quote) nodes.push((quote = h("blockquote")));
      else quote.append("\n");
      quote.append(...inline(line.slice(quoted[0].length), context));
    } else {
      quote = null;
      nodes.push(...inline(line, context));
      if (index < all.length - 1) nodes.push("\n");
    }
  });
  return nodes;
}

const STYLES = [["*", "strong"], ["_", "em"], ["~", "s"]];
const TOKEN = /`([^`\n]+)`|<([^<>]+)>/;

function inline(source, context) {
  const token = TOKEN.exec(source);
  const styled = style(source);
  if (styled && (!token || styled.index < token.index)) {
    const { index, end, tag } = styled;
    return [
      ...inline(source.slice(0, index), context),
      h(tag, {}, inline(source.slice(index + 1, end), context)),
      ...inline(source.slice(end + 1), context),
    ];
  }
  if (!token) return source ? [withEmoji(unescape(source))] : [];
  const node = token[1] !== undefined ? h("code", {}, unescape(token[1])) : special(token[2], context);
  return [
    ...(token.index ? [withEmoji(unescape(source.slice(0, token.index)))] : []),
    node,
    ...inline(source.slice(token.index + token[0].length), context),
  ];
}

/** The first text between two equal marks at the edges of words. */
function style(source) {
  let first = null;
  for (const [mark, tag] of STYLES) {
    const match = new RegExp(`(^|[\\s(\\[{"'.,;:!?*_~-])\\${mark}(?=\\S)([^\\n]*?\\S)\\${mark}(?=$|[\\s)\\]}"'.,;:!?*_~-])`).exec(source);
    if (!match) continue;
    const index = match.index + match[1].length;
    if (!first || index < first.index) first = { index, end: index + 1 + match[2].length, tag };
  }
  return first;
}

/** The content between < and >. */
function special(inside, context) {
  const bar = inside.indexOf("|");
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? null : unescape(inside.slice(bar + 1));
  if (target.startsWith("@")) return person(target.slice(1), context);
  if (target.startsWith("#")) {
    const name = label || context.channels?.get(target.slice(1))?.name || target.slice(1);
    return h("span", { class: "mention" }, `#${name}`);
  }
  if (target.startsWith("!date^")) {
    const [, seconds, pattern, url] = target.split("^");
    return moment(seconds, pattern, context, { url, fallback: label });
  }
  if (target.startsWith("!subteam^")) return h("span", { class: "mention" }, label || "@group");
  if (target.startsWith("!")) return h("span", { class: "mention" }, `@${label || target.slice(1)}`);
  return link(unescape(target), label ?? unescape(target.replace(/^mailto:/, "")));
}
