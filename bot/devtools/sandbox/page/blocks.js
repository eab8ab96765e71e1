// Blocks (docs.slack.dev/reference/block-kit/blocks) as DOM nodes.

import { confirmed } from "./dialog.js";
import { h, newId } from "./dom.js";
import { control } from "./inputs.js";
import { richText } from "./rich.js";
import { harmless, link, text, words } from "./text.js";

const CLICKABLE = new Set(["button", "overflow", "feedback_buttons", "icon_button", "workflow_button"]);

/** All blocks of a message or a view. `context.surface`: message, modal or home; `context.acts`: the possible actions. */
export function blocks(list, context) {
  return list.map((block) => {
    const render = BLOCKS[block.type];
    const node = render ? render(block, context) : h("p", { class: "unknown" }, `This page cannot show a block of type ${block.type}.`);
    node.classList.add("block", `block-${block.type}`);
    node.dataset.block = block.block_id;
    return node;
  });
}

const BLOCKS = {
  header: (block, context) => h(context.surface === "modal" ? "h3" : "h2", { class: "header" }, text(block.text, context)),
  section: (block, context) =>
    h(
      "div",
      {},
      h(
        "div",
        { class: "section-text" },
        block.text && h("div", { class: "words" }, text(block.text, context)),
        block.fields && h("div", { class: "fields" }, block.fields.map((part) => h("div", { class: "words" }, text(part, context)))),
      ),
      block.accessory && h("div", { class: "accessory" }, element(block.accessory, block, context)),
    ),
  divider: () => h("hr"),
  context: (block, context) =>
    h("div", {}, block.elements.map((part) => (part.type === "image" ? image(part) : h("span", { class: "words" }, text(part, context))))),
  rich_text: (block, context) => h("div", {}, richText(block, context)),
  actions: (block, context) => h("div", {}, block.elements.map((part) => element(part, block, context))),
  context_actions: (block, context) => h("div", {}, block.elements.map((part) => element(part, block, context))),
  image: (block, context) => h("figure", {}, block.title && h("figcaption", {}, text(block.title, context)), image(block)),
  markdown: (block) => h("div", {}, h("div", { class: "words" }, block.text)),
  table: (block, context) => table(block, context),
  input: (block, context) => input(block, context),
  file: (block) => h("p", {}, `File ${block.external_id}`),
};

/** The page loads nothing from other sites, so an image is its alternative text with a link. */
function image(shown) {
  return h("span", { class: "image" }, "Image: ", shown.image_url ? link(shown.image_url, shown.alt_text) : shown.alt_text);
}

function table(block, context) {
  const cell = (entry) => (entry.type === "rich_text" ? richText(entry, context) : entry.text);
  const [first, ...rest] = block.rows;
  return h(
    "div",
    { class: "table", tabindex: 0, role: "region", "aria-label": "Table" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, first.map((entry) => h("th", { scope: "col" }, cell(entry))))),
      h("tbody", {}, rest.map((row) => h("tr", {}, row.map((entry) => h("td", {}, cell(entry)))))),
    ),
  );
}

// -- elements ------------------------------------------------------------------------------------------------------

const ref = (block, item) => ({ block_id: block.block_id, action_id: item.action_id });
const focusName = (block, item) => `${block.block_id}/${item.action_id}`;

function element(item, block, context) {
  if (item.type === "image") return image(item);
  if (item.type === "overflow") return overflow(item, block, context);
  if (item.type === "feedback_buttons") {
    return h("span", { class: "row" }, [item.positive_button, item.negative_button].map((choice) =>
      button({ ...item, text: choice.text, accessibility_label: choice.accessibility_label }, block, context, { value: choice.value }, `/${choice.value}`)));
  }
  if (CLICKABLE.has(item.type)) return button(item, block, context);
  return choosing(item, block, context);
}

function button(item, block, context, more = {}, name = "") {
  const node = h(
    "button",
    {
      type: "button",
      class: `button ${item.style || ""}`,
      "data-focus": focusName(block, item) + name,
      "aria-label": item.accessibility_label || null,
      onclick: async () => {
        if (node.getAttribute("aria-busy") === "true") return;
        if (!(await confirmed(item.confirm, context))) return;
        node.setAttribute("aria-busy", "true");
        if (item.url && harmless(item.url)) open(item.url, "_blank", "noopener");
        try {
          await context.acts.click({ ...ref(block, item), ...more });
        } finally {
          node.removeAttribute("aria-busy");
        }
      },
    },
    text(item.text, context),
  );
  return node;
}

function overflow(item, block, context) {
  const id = newId("overflow");
  const choose = async (event) => {
    const value = event.target.value;
    event.target.value = "";
    if (value && (await confirmed(item.confirm, context))) await context.acts.click({ ...ref(block, item), value });
  };
  return h(
    "select",
    { id, class: "overflow", "aria-label": "More actions", "data-focus": focusName(block, item), onchange: choose },
    h("option", { value: "" }, "…"),
    item.options.map((option) => h("option", { value: option.value }, words(option.text))),
  );
}

/** A menu, picker or boxes outside an input block: the app gets each choice. */
function choosing(item, block, context) {
  const where = ref(block, item);
  const change = async (value) => {
    if (await confirmed(item.confirm, context)) await context.acts.choose(where, value);
  };
  const label = words(item.placeholder) || words(block.text) || "Choose";
  const { node, id } = control(item, {
    held: context.held?.(where) ?? null,
    focus: focusName(block, item),
    label,
    context,
    typed: () => {},
    changed: change,
  });
  return id === null ? h("fieldset", { class: "bare" }, h("legend", { class: "visually-hidden" }, label), node) : node;
}

/** Whether the app wants to hear of each character that is typed into an input. */
function tellsEach(block) {
  const config = block.element.dispatch_action_config;
  return Boolean(block.dispatch_action && config?.trigger_actions_on?.includes("on_character_entered"));
}

// -- input blocks --------------------------------------------------------------------------------------------------

function input(block, context) {
  const where = ref(block, block.element);
  const hint = block.hint ? newId("hint") : null;
  const note = newId("note");
  const error = newId("error");
  const described = [hint, note, error].filter(Boolean).join(" ");
  const field = control(block.element, {
    held: context.held(where),
    focus: focusName(block, block.element),
    described,
    required: !block.optional,
    context,
    typed: (value) => (tellsEach(block) ? context.acts.fill(where, value) : context.acts.typed(where, value)),
    changed: (value) => context.acts.fill(where, value),
    upload: (name, content) => context.acts.upload(where, name, content),
    reread: () => context.acts.reread(where),
    suggest: (typed) => context.acts.suggest(where, typed),
  });
  const label = [text(block.label, context), block.optional && h("span", { class: "optional" }, " (optional)")];
  const below = [
    h("p", { class: "hint", id: note }, field.note),
    block.hint && h("p", { class: "hint words", id: hint }, text(block.hint, context)),
    h("p", { class: "error", id: error, "data-error": block.block_id }),
  ];
  if (field.id === null) {
    return h("fieldset", { "aria-describedby": described }, h("legend", {}, label), field.node, below);
  }
  return h("div", {}, h("label", { for: field.id }, label), field.node, below);
}

/** Show these sentences under the inputs, by block id, and no others. Returns the first control that has one. */
export function showErrors(root, errors) {
  let first = null;
  for (const node of root.querySelectorAll("[data-error]")) {
    const sentence = errors[node.dataset.error] || "";
    if (node.textContent !== sentence) node.textContent = sentence;
    const block = node.closest(".block");
    const controls = block.querySelectorAll("input, textarea, select");
    controls.forEach((input) => (sentence ? input.setAttribute("aria-invalid", "true") : input.removeAttribute("aria-invalid")));
    block.classList.toggle("wrong", Boolean(sentence));
    if (sentence && !first) first = controls[0];
  }
  return first;
}
