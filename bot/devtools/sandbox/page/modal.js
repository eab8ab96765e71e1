// The front modal of a person: Slack shows the top of a stack of at most three.

import { act, get, Refused } from "./api.js";
import { blocks, showErrors } from "./blocks.js";
import { opened } from "./dialog.js";
import { h, newId, replace, restoreFocus, focusPath } from "./dom.js";
import { icon } from "./icons.js";
import { text } from "./text.js";

export class Modal {
  /** `context()`: the context of blocks; `say(trouble)`: shows the sentence of an error. */
  constructor(me, context) {
    this.me = me;
    this.context = context;
    this.view = null;
    this.dirty = new Map();
    this.problems = {};
    this.trouble = null;
  }

  /** Show the current front modal; `trouble`: a failure that Slack shows in it. */
  show(view, depth, trouble) {
    if (!view) return this.gone();
    const fresh = !this.view || this.view.id !== view.id;
    const changed = fresh || this.view.hash !== view.hash;
    const answered = JSON.stringify(view.errors) !== JSON.stringify(this.view?.errors ?? {});
    this.view = view;
    if (fresh) this.problems = {};
    if (!this.dialog) this.open();
    if (changed) this.fill(fresh, depth);
    this.alert(trouble);
    const first = showErrors(this.form, { ...this.problems, ...view.errors });
    if (answered && first && Object.keys(view.errors).length) first.focus();
    return undefined;
  }

  gone() {
    if (!this.dialog) return;
    this.dialog.close();
    this.dialog.remove();
    this.dialog = null;
    this.view = null;
    this.dirty.clear();
    if (!document.activeElement || document.activeElement === document.body) document.getElementById("main").focus();
  }

  open() {
    this.title = h("h2", { id: newId("modal"), class: "modal-title", tabindex: -1 });
    this.form = h("form", { class: "modal-form", novalidate: true, onsubmit: (event) => this.submit(event) });
    this.dialog = opened({ label: this.title.id, onescape: () => this.close(false), children: [this.form] });
  }

  fill(fresh, depth) {
    const { view } = this;
    const focused = focusPath(this.form);
    this.dirty.clear();
    this.notice = h("p", { class: "trouble", role: "alert", hidden: true });
    const context = { ...this.context(), surface: "modal", acts: this.acts(), held: (where) => this.held(where) };
    const shut = h("button", { type: "button", class: "icon-button", onclick: () => this.close(true) }, icon("close"), h("span", { class: "visually-hidden" }, "Close"));
    const close = h("button", { type: "button", class: "button", onclick: () => this.close(false) }, text(view.close || { text: "Cancel" }, context));
    this.send = view.submit && h("button", { type: "submit", class: "button primary" }, text(view.submit, context));
    replace(this.title, text(view.title, context));
    replace(
      this.form,
      h("div", { class: "modal-head" }, this.title, depth > 1 && h("span", { class: "depth" }, `${depth} of 3`), shut),
      h("div", { class: "modal-body", tabindex: -1 }, this.notice, blocks(view.blocks, context)),
      h("div", { class: "modal-buttons" }, close, this.send),
    );
    if (fresh) this.begin();
    else if (focused) restoreFocus(this.form, focused);
    if (!this.dialog.contains(document.activeElement)) this.begin();
  }

  /** Focus the first input, or the title if there is none. */
  begin() {
    const first = this.form.querySelector(".modal-body :is(input, textarea, select)");
    (first || this.title).focus();
  }

  held(where) {
    return this.view.state.values[where.block_id]?.[where.action_id] ?? null;
  }

  acts() {
    return {
      click: (button) => this.doing("click", { button, on: "modal" }),
      choose: (input, value) => this.doing("fill", { input, value }),
      typed: (where, value) => this.dirty.set(`${where.block_id}/${where.action_id}`, { where, value }),
      fill: (where, value) => {
        this.dirty.set(`${where.block_id}/${where.action_id}`, { where, value });
        return this.flush();
      },
      upload: (into, name, base64) => this.attempt(() => act(this.me, "upload", { name, base64, into })),
      reread: async (where) => {
        const person = await get(`/people/${this.me}`);
        return person.modal?.state.values[where.block_id]?.[where.action_id] ?? null;
      },
      suggest: async (input, typed) => (await this.attempt(() => act(this.me, "options", { input, typed })))?.options ?? [],
    };
  }

  /** Send the typed values that Slack does not know yet, after those that are on their way. */
  flush() {
    this.sending = (this.sending ?? Promise.resolve()).catch(() => undefined).then(() => this.sendTyped());
    return this.sending;
  }

  async sendTyped() {
    for (const [key, { where, value }] of [...this.dirty]) {
      this.dirty.delete(key);
      await this.attempt(async () => {
        await act(this.me, "fill", { input: where, value });
        delete this.problems[where.block_id];
      }, where.block_id);
    }
  }

  async doing(what, body) {
    await this.flush();
    return this.attempt(() => act(this.me, what, body));
  }

  async submit(event) {
    event.preventDefault();
    if (!this.send || this.send.getAttribute("aria-busy") === "true") return;
    this.send.setAttribute("aria-busy", "true");
    try {
      await this.flush();
      await this.attempt(async () => {
        await act(this.me, "submit");
        this.problems = {};
      });
    } finally {
      this.send?.removeAttribute("aria-busy");
    }
  }

  /** Close only once, even if called again: a second call would close the modal below. */
  async close(everything) {
    const id = this.view?.id;
    if (this.closing === id) return;
    this.closing = id;
    try {
      // What is on its way arrives first, as it does at Slack.
      await this.sending?.catch(() => undefined);
      await this.attempt(() => act(this.me, "close", { everything }));
    } finally {
      if (this.closing === id) this.closing = null;
    }
  }

  /** Perform an action; refusals of the sandbox are shown under the inputs, or on top. */
  async attempt(work, block) {
    try {
      return await work();
    } catch (error) {
      if (!this.dialog) return null;
      if (error instanceof Refused && error.problems) {
        this.problems = error.problems;
        showErrors(this.form, this.problems)?.focus();
      } else if (block) {
        this.problems[block] = error.message;
        showErrors(this.form, this.problems);
      } else this.alert({ text: error.message });
      return null;
    }
  }

  alert(trouble) {
    const sentence = trouble ? `${trouble.text}${trouble.code ? ` (${trouble.code})` : ""}` : "";
    if (this.notice.textContent !== sentence) replace(this.notice, sentence && [icon("warning"), h("span", {}, sentence)]);
    this.notice.hidden = !sentence;
  }
}
