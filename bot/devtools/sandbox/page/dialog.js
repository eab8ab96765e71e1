// Dialogs: the native element traps the focus and makes the rest of the page inert.

import { append, h, newId } from "./dom.js";
import { text } from "./text.js";

/** Slack's confirmation dialog. Resolves to true for yes. */
export function confirmed(confirm, context) {
  if (!confirm) return Promise.resolve(true);
  return new Promise((resolve) => {
    const title = newId("confirm");
    const textId = newId("confirm");
    const finish = (answer) => {
      dialog.close();
      dialog.remove();
      resolve(answer);
    };
    const yes = h(
      "button",
      { type: "button", class: `button ${confirm.style || "primary"}`, onclick: () => finish(true) },
      text(confirm.confirm, context),
    );
    const no = h("button", { type: "button", class: "button", onclick: () => finish(false) }, text(confirm.deny, context));
    const dialog = h(
      "dialog",
      { class: "modal confirm", "aria-labelledby": title, "aria-describedby": textId },
      h("h2", { id: title, class: "modal-title" }, text(confirm.title, context)),
      h("p", { id: textId, class: "words" }, text(confirm.text, context)),
      h("div", { class: "modal-buttons" }, no, yes),
    );
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      finish(false);
    });
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
}

/** A dialog that stays open until `close`; Escape calls `onescape`. */
export function opened({ label, onescape, children, className = "" }) {
  const dialog = h("dialog", { class: `modal ${className}`, "aria-labelledby": label });
  append(dialog, [children]);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    onescape();
  });
  // Chromium closes a dialog at the second Escape in a row, even if the first was prevented.
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    onescape();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
