// rich_text blocks (docs.slack.dev/reference/block-kit/blocks/rich-text-block): their texts contain no markup.

import { h } from "./dom.js";
import { emoji, link, moment, person } from "./text.js";

const MARKS = [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"], ["underline", "u"]];

function styled(node, style = {}) {
  return MARKS.reduce((inner, [name, tag]) => (style[name] ? h(tag, {}, inner) : inner), node);
}

const PIECES = {
  text: (one) => one.text,
  link: (one) => link(one.url, one.text || one.url),
  user: (one, context) => person(one.user_id, context),
  usergroup: (one) => h("span", { class: "mention" }, `@${one.usergroup_id}`),
  team: (one) => h("span", { class: "mention" }, `@${one.team_id}`),
  channel: (one, context) =>
    h("span", { class: "mention" }, `#${context.channels?.get(one.channel_id)?.name || one.channel_id}`),
  broadcast: (one) => h("span", { class: "mention" }, `@${one.range}`),
  emoji: (one) => emoji(one.name, one.unicode),
  color: (one) => h("code", {}, one.value),
  date: (one, context) => moment(one.timestamp, one.format, context, one),
};

const inline = (elements, context) =>
  elements.map((one) => styled(PIECES[one.type] ? PIECES[one.type](one, context) : "", one.style));

const PARTS = {
  rich_text_section: (one, context) => h("p", { class: "rich" }, inline(one.elements, context)),
  rich_text_quote: (one, context) => h("blockquote", { class: "rich" }, inline(one.elements, context)),
  rich_text_preformatted: (one, context) => h("pre", {}, inline(one.elements, context)),
  rich_text_list: (one, context) => {
    const ordered = one.style === "ordered";
    const items = one.elements.map((item) => h("li", {}, inline(item.elements, context)));
    const start = ordered && one.offset ? one.offset + 1 : null;
    return h(ordered ? "ol" : "ul", { class: `indent-${Math.min(one.indent || 0, 8)}`, start }, items);
  },
};

/** The parts of a rich_text block. */
export function richText(block, context) {
  return block.elements.map((one) => PARTS[one.type]?.(one, context));
}
