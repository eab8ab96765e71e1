// Lists of completions, as a combobox (w3.org/WAI/ARIA/apg/patterns/combobox).

import { h, newId, replace } from "./dom.js";
import { words } from "./text.js";

const keyOf = (option) => JSON.stringify(option.value);

/**
 * Give an input a list. `find(text)` returns [{value, label, told}] or a promise of it; `choose(option)` is called for the
 * chosen option, and `enter()` for Enter while no option is marked.
 */
export function combobox(input, { label, find, choose, enter }) {
  const listId = newId("list");
  const list = h("ul", { id: listId, class: "options", role: "listbox", "aria-label": label, hidden: true });
  let options = [];
  let at = -1;
  let latest = 0;
  Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": listId, "aria-expanded": "false" }).forEach(
    ([name, value]) => input.setAttribute(name, value),
  );

  const mark = (index) => {
    at = index;
    [...list.children].forEach((item, position) => item.setAttribute("aria-selected", String(position === at)));
    if (at < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", list.children[at].id);
      list.children[at].scrollIntoView({ block: "nearest" });
    }
  };
  const close = () => {
    latest++;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    mark(-1);
  };
  const take = (option) => {
    close();
    choose(option);
  };
  const look = async () => {
    const query = ++latest;
    mark(-1); // the marked option belongs to the text before this change
    let answer = [];
    try {
      answer = await find(input.value);
    } catch {
      // Typing works without a list; the page itself shows that the sandbox does not answer.
    }
    if (query !== latest) return;
    // A person may mark an option while the list for the next letter is on its way.
    const marked = at < 0 ? null : keyOf(options[at]);
    options = answer;
    replace(
      list,
      options.map((option) =>
        h(
          "li",
          // A press must not move the focus out of the input.
          { id: newId("option"), role: "option", "aria-selected": "false", onmousedown: (event) => event.preventDefault(), onclick: () => take(option) },
          h("span", { class: "option-label" }, option.label),
          option.told && h("span", { class: "option-told" }, option.told),
        ),
      ),
    );
    list.hidden = !options.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark(options.findIndex((option) => keyOf(option) === marked));
  };
  input.addEventListener("input", look);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const open = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) look();
      else mark((at + (event.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1) + options.length) % options.length);
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (event.key === "Tab" && open && at >= 0) {
      event.preventDefault();
      take(options[at]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (open && at >= 0) take(options[at]);
      else {
        close();
        enter?.();
      }
    }
  });
  return { list, close };
}

/** external_select: the app is asked for options as the person types. */
export function suggestions(element, use) {
  const id = newId("input");
  const selected = use.held?.selected_option;
  const input = h("input", {
    id, type: "text", value: words(selected?.text), autocomplete: "off", "data-focus": use.focus,
    placeholder: words(element.placeholder) || null, "aria-describedby": use.described || null, "aria-label": use.label || null,
  });
  const least = element.min_query_length ?? 3;
  const { list } = combobox(input, {
    label: "Suggestions",
    find: async (typed) => {
      if (!typed) use.changed(null);
      if (typed.length < least) return [];
      const options = await use.suggest(typed);
      return options.map((option) => ({ value: option, label: words(option.text), told: words(option.description) }));
    },
    choose: (option) => {
      input.value = option.label;
      use.changed(option.value);
    },
  });
  return { node: h("div", { class: "suggesting" }, input, list), id };
}
