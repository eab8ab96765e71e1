// Elements with a value. `control` builds one; `changed(value)` is called with the value for `fill` of the API.

import { h, newId } from "./dom.js";
import { fileInput } from "./files.js";
import { suggestions } from "./suggest.js";
import { text, words } from "./text.js";
import { fromLocal, local } from "./when.js";

const TEXTS = { plain_text_input: "text", email_text_input: "email", url_text_input: "url", number_input: "text" };
const OPTION_NAMES = { users: "users_select", conversations: "conversations_select", channels: "channels_select" };

/**
 * The node of an element, and the id for its label; the id is null if the element is a group with a legend.
 * `use`: {held, described, invalid, required, changed, typed, focus, context, upload, suggest}
 */
export function control(element, use) {
  const kind = element.type;
  if (kind in TEXTS) return typing(element, use);
  if (kind in PICKERS) return picker(element, use);
  if (kind === "radio_buttons") return group(element, use, "radio");
  if (kind === "checkboxes" || (kind.startsWith("multi_") && kind !== "multi_external_select")) return group(element, use, "checkbox");
  if (kind === "file_input") return fileInput(element, use);
  if (kind === "external_select") return suggestions(element, use);
  if (kind.endsWith("_select")) return select(element, use);
  return { node: h("p", { class: "unknown" }, `This page cannot show a ${kind}.`), id: null };
}

/** The attributes that every control has. */
function common(use, id) {
  return {
    id,
    "data-focus": use.focus,
    "aria-describedby": use.described || null,
    "aria-required": use.required ? "true" : null,
    "aria-label": use.label || null,
    autocomplete: "off",
  };
}

function typing(element, use) {
  const id = newId("input");
  const attributes = {
    ...common(use, id),
    placeholder: words(element.placeholder) || null,
    oninput: (event) => use.typed(event.target.value),
    onchange: (event) => use.changed(event.target.value),
  };
  const lines = element.type === "plain_text_input" && element.multiline;
  const node = lines
    ? h("textarea", { ...attributes, rows: 5 })
    : h("input", { ...attributes, type: TEXTS[element.type], inputmode: element.type === "number_input" ? "decimal" : null });
  node.value = use.held?.value ?? "";
  return { node, id };
}

const PICKERS = {
  datepicker: { type: "date", key: "selected_date", read: (shown) => shown || null, write: (held) => held },
  timepicker: { type: "time", key: "selected_time", read: (shown) => shown || null, write: (held) => held },
  datetimepicker: {
    type: "datetime-local",
    key: "selected_date_time",
    read: (shown, zone) => (shown ? fromLocal(shown, zone) : null),
    write: (held, zone) => local(held, zone),
  },
};

function picker(element, use) {
  const { type, key, read, write } = PICKERS[element.type];
  const id = newId("input");
  const zone = use.context.zone;
  const held = use.held?.[key];
  const node = h("input", {
    ...common(use, id),
    type,
    max: type === "time" ? null : type === "date" ? "9999-12-31" : "9999-12-31T23:59",
    onchange: (event) => use.changed(read(event.target.value, zone)),
  });
  node.value = held ? write(held, zone) : "";
  return { node, id, note: type === "datetime-local" ? `In your time zone, ${zone.replace("_", " ")}.` : null };
}

/** The offered options: [{value, label, description, group}] */
function offered(element, context) {
  const kind = element.type.replace("multi_", "");
  if (kind === OPTION_NAMES.users) {
    const people = [...context.users.values()].filter((user) => !user.deleted && user.id !== "USLACKBOT");
    return people.map((user) => ({ value: user.id, label: user.real_name }));
  }
  if (kind === OPTION_NAMES.channels || kind === OPTION_NAMES.conversations) {
    return [...context.channels.values()].filter((channel) => channel.kind !== "im").map((channel) => ({ value: channel.id, label: `#${channel.name}` }));
  }
  const groups = element.option_groups || [{ options: element.options || [] }];
  return groups.flatMap((group) =>
    group.options.map((option) => ({
      value: option.value, label: words(option.text), option, description: option.description, group: words(group.label),
    })),
  );
}

/** The chosen values, as a list. */
function chosen(held) {
  if (!held) return [];
  const key = Object.keys(held).find((name) => name.startsWith("selected_"));
  const values = [held[key] ?? []].flat();
  return values.map((value) => (typeof value === "object" ? value.value : value));
}

function select(element, use) {
  const id = newId("input");
  const now = chosen(use.held)[0] ?? "";
  const empty = h("option", { value: "" }, words(element.placeholder) || "Choose an option");
  const make = (choice) => h("option", { value: choice.value, selected: choice.value === now }, choice.label);
  const groups = Map.groupBy(offered(element, use.context), (choice) => choice.group || "");
  const children = [...groups].map(([name, all]) => (name ? h("optgroup", { label: name }, all.map(make)) : all.map(make)));
  const node = h("select", { ...common(use, id), onchange: (event) => use.changed(event.target.value || null) }, empty, children);
  node.value = now;
  return { node, id };
}

function group(element, use, type) {
  const name = newId("group");
  const now = new Set(chosen(use.held));
  const all = offered(element, use.context);
  const read = () => [...node.querySelectorAll("input:checked")].map((input) => input.value);
  const node = h(
    "div",
    { class: `choices ${all.length > 8 ? "many" : ""}` },
    all.map((choice, index) => {
      const described = choice.description ? newId("described") : null;
      const box = h("input", {
        type, name, value: choice.value, checked: now.has(choice.value), "data-focus": `${use.focus}/${index}`,
        "aria-describedby": described,
        onchange: () => use.changed(type === "radio" ? read()[0] ?? null : read()),
      });
      return h(
        "label",
        { class: "choice" },
        box,
        h("span", {}, choice.option ? text(choice.option.text, use.context) : choice.label),
        choice.description && h("small", { id: described }, text(choice.description, use.context)),
      );
    }),
  );
  return { node, id: null };
}
