// Blocks (docs.slack.dev/reference/block-kit/blocks) as DOM nodes.

import { confirmed } from "./dialog.js";
import { h, newId } from "./dom.js";
import { control } from "./inputs.js";
import { richText } from "./rich.js";
import { harmless, link, text, words } from "./text.js";

const CLICKABLE = new Set(["button", "overflow", "feedback_buttons", "icon_button", "workflow_button"]);

/** All blocks of a message or a view. `context.surface`: message, modal or home; `context.acts`: the possible actions. */
export function blocks(list, context) {
  return list.map((one) => {
    const made = BLOCKS[one.type];
    const node = made ? made(one, context) : h("p", { class: "unknown" }, `This page cannot show a block of type ${one.type}.`);
    node.classList.add("block", `block-${one.type}`);
    node.dataset.block = one.block_id;
    return node;
  });
}

const BLOCKS = {
  header: (one, context) => h(context.surface === "modal" ? "h3" : "h2", { class: "header" }, text(one.text, context)),
  section: (one, context) =>
    h(
      "div",
      {},
      h(
        "div",
        { class: "section-text" },
        one.text && h("div", { class: "words" }, text(one.text, context)),
        one.fields && h("div", { class: "fields" }, one.fields.map((each) => h("div", { class: "words" }, text(each, context)))),
      ),
      one.accessory && h("div", { class: "accessory" }, element(one.accessory, one, context)),
    ),
  divider: () => h("hr"),
  context: (one, context) =>
    h("div", {}, one.elements.map((each) => (each.type === "image" ? image(each) : h("span", { class: "words" }, text(each, context))))),
  rich_text: (one, context) => h("div", {}, richText(one, context)),
  actions: (one, context) => h("div", {}, one.elements.map((each) => element(each, one, context))),
  context_actions: (one, context) => h("div", {}, one.elements.map((each) => element(each, one, context))),
  image: (one, context) => h("figure", {}, one.title && h("figcaption", {}, text(one.title, context)), image(one)),
  markdown: (one) => h("div", {}, h("div", { class: "words" }, one.text)),
  table: (one, context) => table(one, context),
  input: (one, context) => input(one, context),
  file: (one) => h("p", {}, `File ${one.external_id}`),
};

/** The page loads nothing from other sites, so an image is its alternative text with a link. */
function image(one) {
  return h("span", { class: "image" }, "Image: ", one.image_url ? link(one.image_url, one.alt_text) : one.alt_text);
}

function table(one, context) {
  const cell = (each) => (each.type === "rich_text" ? richText(each, context) : each.text);
  const [first, ...rest] = one.rows;
  return h(
    "div",
    { class: "table", tabindex: 0, role: "region", "aria-label": "Table" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, first.map((each) => h("th", { scope: "col" }, cell(each))))),
      h("tbody", {}, rest.map((row) => h("tr", {}, row.map((each) => h("td", {}, cell(each)))))),
    ),
  );
}

// -- elements ------------------------------------------------------------------------------------------------------

const ref = (block, one) => ({ block_id: block.block_id, action_id: one.action_id });
const focusName = (block, one) => `${block.block_id}/${one.action_id}`;

function element(one, block, context) {
  if (one.type === "image") return image(one);
  if (one.type === "overflow") return overflow(one, block, context);
  if (one.type === "feedback_buttons") {
    return h("span", { class: "row" }, [one.positive_button, one.negative_button].map((each) =>
      button({ ...one, text: each.text, accessibility_label: each.accessibility_label }, block, context, { value: each.value }, `/${each.value}`)));
  }
  if (CLICKABLE.has(one.type)) return button(one, block, context);
  return choosing(one, block, context);
}

function button(one, block, context, more = {}, name = "") {
  const node = h(
    "button",
    {
      type: "button",
      class: `button ${one.style || ""}`,
      "data-focus": focusName(block, one) + name,
      "aria-label": one.accessibility_label || null,
      onclick: async () => {
        if (node.getAttribute("aria-busy") === "true") return;
        if (!(await confirmed(one.confirm, context))) return;
        node.setAttribute("aria-busy", "true");
        if (one.url && harmless(one.url)) open(one.url, "_blank", "noopener");
        try {
          await context.acts.click({ ...ref(block, one), ...more });
        } finally {
          node.removeAttribute("aria-busy");
        }
      },
    },
    text(one.text, context),
  );
  return node;
}

function overflow(one, block, context) {
  const id = newId("overflow");
  const choose = async (event) => {
    const value = event.target.value;
    event.target.value = "";
    if (value && (await confirmed(one.confirm, context))) await context.acts.click({ ...ref(block, one), value });
  };
  return h(
    "select",
    { id, class: "overflow", "aria-label": "More actions", "data-focus": focusName(block, one), onchange: choose },
    h("option", { value: "" }, "…"),
    one.options.map((each) => h("option", { value: each.value }, words(each.text))),
  );
}

/** A menu, picker or boxes outside an input block: the app gets each choice. */
function choosing(one, block, context) {
  const where = ref(block, one);
  const change = async (value) => {
    if (await confirmed(one.confirm, context)) await context.acts.choose(where, value);
  };
  const label = words(one.placeholder) || words(block.text) || "Choose";
  const { node, id } = control(one, {
    held: context.held?.(where) ?? null,
    focus: focusName(block, one),
    label,
    context,
    typed: () => {},
    changed: change,
  });
  return id === null ? h("fieldset", { class: "bare" }, h("legend", { class: "visually-hidden" }, label), node) : node;
}

// -- input blocks --------------------------------------------------------------------------------------------------

function input(one, context) {
  const where = ref(one, one.element);
  const hint = one.hint ? newId("hint") : null;
  const note = newId("note");
  const error = newId("error");
  const described = [hint, note, error].filter(Boolean).join(" ");
  const made = control(one.element, {
    held: context.held(where),
    focus: focusName(one, one.element),
    described,
    required: !one.optional,
    context,
    typed: (value) => context.acts.typed(where, value),
    changed: (value) => context.acts.fill(where, value),
    upload: (name, content) => context.acts.upload(where, name, content),
    reread: () => context.acts.reread(where),
    suggest: (typed) => context.acts.suggest(where, typed),
  });
  const label = [text(one.label, context), one.optional && h("span", { class: "optional" }, " (optional)")];
  const below = [
    h("p", { class: "hint", id: note }, made.note),
    one.hint && h("p", { class: "hint words", id: hint }, text(one.hint, context)),
    h("p", { class: "error", id: error, "data-error": one.block_id }),
  ];
  if (made.id === null) {
    return h("fieldset", { "aria-describedby": described }, h("legend", {}, label), made.node, below);
  }
  return h("div", {}, h("label", { for: made.id }, label), made.node, below);
}

/** Show these sentences under the inputs, by block id, and no others. Returns the first control that has one. */
export function showErrors(root, errors) {
  let first = null;
  for (const place of root.querySelectorAll("[data-error]")) {
    const said = errors[place.dataset.error] || "";
    if (place.textContent !== said) place.textContent = said;
    const block = place.closest(".block");
    const controls = block.querySelectorAll("input, textarea, select");
    controls.forEach((one) => (said ? one.setAttribute("aria-invalid", "true") : one.removeAttribute("aria-invalid")));
    block.classList.toggle("wrong", Boolean(said));
    if (said && !first) first = controls[0];
  }
  return first;
}
