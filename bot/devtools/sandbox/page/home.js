// The app's Home tab.

import { act } from "./api.js";
import { blocks, showErrors } from "./blocks.js";
import { focusPath, h, replace, restoreFocus } from "./dom.js";
import { troubleLine } from "./messages.js";

export function showHome(node, view, { me, context, troubles }) {
  const trouble = view && troubles.ofView(view.id);
  const stamp = JSON.stringify([view?.hash, trouble, context.zone]);
  if (node.dataset.stamp === stamp) return;
  node.dataset.stamp = stamp;
  if (!view) {
    replace(node, h("p", { class: "small" }, "The app has not shown its Home yet."));
    return;
  }
  const attempt = async (what, body) => {
    troubles.acted(`view ${view.id}`);
    try {
      return await act(me, what, { ...body, on: "home" });
    } catch (error) {
      node.prepend(troubleLine({ text: error.message }));
      return null;
    }
  };
  const acts = {
    click: (button) => attempt("click", { button }),
    choose: (input, value) => attempt("fill", { input, value }),
    fill: (input, value) => attempt("fill", { input, value }),
    typed: () => {},
  };
  const held = (where) => view.state.values[where.block_id]?.[where.action_id] ?? null;
  const focused = focusPath(node);
  replace(node, trouble && troubleLine(trouble), blocks(view.blocks, { ...context, surface: "home", acts, held }));
  showErrors(node, view.errors);
  restoreFocus(node, focused);
}
