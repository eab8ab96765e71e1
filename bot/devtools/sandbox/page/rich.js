// rich_text blocks (docs.slack.dev/reference/block-kit/blocks/rich-text-block): their texts contain no markup.

import { h } from "./dom.js";
import { emoji, link, moment, person } from "./text.js";

const MARKS = [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"], ["underline", "u"]];

function styled(node, style = {}) {
  return MARKS.reduce((inner, [name, tag]) => (style[name] ? h(tag, {}, inner) : inner), node);
}

const PIECES = {
  text: (piece) => piece.text,
  link: (piece) => link(piece.url, piece.text || piece.url),
  user: (piece, context) => person(piece.user_id, context),
  usergroup: (piece) => h("span", { class: "mention" }, `@${piece.usergroup_id}`),
  team: (piece) => h("span", { class: "mention" }, `@${piece.team_id}`),
  channel: (piece, context) =>
    h("span", { class: "mention" }, `#${context.channels?.get(piece.channel_id)?.name || piece.channel_id}`),
  broadcast: (piece) => h("span", { class: "mention" }, `@${piece.range}`),
  emoji: (piece) => emoji(piece.name, piece.unicode),
  color: (piece) => h("code", {}, piece.value),
  date: (piece, context) => moment(piece.timestamp, piece.format, context, piece),
};

const inline = (elements, context) =>
  elements.map((piece) => styled(PIECES[piece.type] ? PIECES[piece.type](piece, context) : "", piece.style));

const PARTS = {
  rich_text_section: (part, context) => h("p", { class: "rich" }, inline(part.elements, context)),
  rich_text_quote: (part, context) => h("blockquote", { class: "rich" }, inline(part.elements, context)),
  rich_text_preformatted: (part, context) => h("pre", {}, inline(part.elements, context)),
  rich_text_list: (part, context) => {
    const ordered = part.style === "ordered";
    const items = part.elements.map((item) => h("li", {}, inline(item.elements, context)));
    const start = ordered && part.offset ? part.offset + 1 : null;
    return h(ordered ? "ol" : "ul", { class: `indent-${Math.min(part.indent || 0, 8)}`, start }, items);
  },
};

/** The parts of a rich_text block. */
export function richText(block, context) {
  return block.elements.map((part) => PARTS[part.type]?.(part, context));
}
