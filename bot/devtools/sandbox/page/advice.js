// Hints on empty pages: a sentence, and links or buttons (docs/sandbox-api.md, The story).

import { get } from "./api.js";
import { h, replace } from "./dom.js";

let known = null;

/** Show hints. `who`: an account or an address; `otherwise`: the sentence if there are no hints for it. */
export async function advise(node, { who, otherwise, type }) {
  const found = (await advice())[who] || [{ text: otherwise }];
  const stamp = JSON.stringify(found);
  if (node.dataset.stamp === stamp) return;
  node.dataset.stamp = stamp;
  replace(node, h("p", {}, node.dataset.empty), written(found, { type }));
}

/** The hints for an account, an address, or "" for the choice of a person; none if there are no hints. `here`: links open in this window. */
export const hints = async (who, how) => written((await advice())[who] || [], how);

const advice = async () => (known ||= (await get("/advice")).advice);

const written = (found, how) => paragraphs(found).map((group) => h("p", {}, group.map((each) => hint(each, how))));

/** Links and buttons are side by side; each sentence has its own line. */
function paragraphs(hints) {
  const groups = [];
  for (const hint of hints) {
    const last = groups.at(-1);
    if (last && pressed(hint) && pressed(last[0])) last.push(hint);
    else groups.push([hint]);
  }
  return groups;
}

const pressed = (hint) => Boolean(hint.page || hint.line);

function hint({ text, page, line }, { type, here }) {
  if (page?.startsWith("/sandbox")) return h("a", { class: "button", href: page, ...(here ? {} : { target: "_blank", rel: "noopener" }) }, text);
  if (line && type) return h("button", { type: "button", class: "button", onclick: () => type(line) }, text);
  return text;
}
