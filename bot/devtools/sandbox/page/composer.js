// The input for messages and slash commands.

import { act } from "./api.js";
import { h, newId, replace } from "./dom.js";
import { troubleLine } from "./messages.js";
import { combobox } from "./suggest.js";

export class Composer {
  /** `place()` returns the conversation; `acted(place)` is called before a command is sent. */
  constructor({ me, place, acted, offered, sent }) {
    Object.assign(this, { me, place, acted, offered, sent });
    const id = newId("composer");
    this.label = h("label", { for: id, class: "visually-hidden" }, "Message");
    this.input = h("input", { id, type: "text", class: "composer-input", autocomplete: "off", autocapitalize: "off", spellcheck: "false", "data-focus": "composer" });
    this.trouble = h("div", { class: "composer-trouble" });
    const { list } = combobox(this.input, {
      label: "Commands",
      find: (typed) => this.find(typed),
      choose: (option) => this.complete(option),
      enter: () => this.send(),
    });
    this.input.addEventListener("keydown", (event) => event.key === "Escape" && this.thread && this.reply(null));
    this.button = h("button", { type: "submit", class: "button primary send" }, "Send");
    this.node = h(
      "form",
      { class: "composer", onsubmit: (event) => { event.preventDefault(); this.send(); } },
      this.trouble,
      list,
      h("div", { class: "composer-row" }, this.label, this.input, this.button),
    );
  }

  show(place, trouble) {
    this.shown = place;
    if (this.thread?.channel !== place.id) this.thread = null;
    const name = place.kind === "im" ? place.title : `#${place.name}`;
    const open = this.thread ? "Reply in the thread (Esc: write in the channel)" : "Message, or / for commands";
    this.label.textContent = this.thread ? "Reply in the thread" : `Message ${name}`;
    this.input.placeholder = place.is_archived ? "This channel is archived" : open;
    this.input.disabled = this.button.disabled = place.is_archived;
    this.known = trouble;
    this.tell();
  }

  /** Write the next message in the thread of this one; without one, in the conversation. */
  reply(message) {
    this.thread = message && { channel: message.channel, ts: message.ts };
    this.show(this.shown, this.known);
    this.input.focus();
  }

  /** Completions of the typed text. */
  async find(typed) {
    if (!typed.startsWith("/")) return [];
    const wanted = typed.toLowerCase();
    const matches = (await this.offered()).filter(({ line }) => {
      const fixed = fixedPart(line).toLowerCase();
      return fixed.startsWith(wanted) && fixed !== wanted;
    });
    return matches.map(({ line, told }) => ({ value: line, label: line, told }));
  }

  complete({ value }) {
    const fixed = fixedPart(value);
    this.input.value = fixed === value ? value : `${fixed} `;
    this.input.setSelectionRange(this.input.value.length, this.input.value.length);
  }

  /** Put a text into the input; the person sends it. */
  put(line) {
    this.input.value = line;
    this.input.focus();
  }

  async send() {
    const line = this.input.value.trim();
    const channel = this.place();
    if (!line || this.button.getAttribute("aria-busy") === "true") return;
    const command = line.startsWith("/");
    this.acted(command ? `command ${line.split(" ")[0]}` : "say");
    this.failed(null);
    this.input.value = "";
    this.button.setAttribute("aria-busy", "true");
    try {
      const answer = await (command ? act(this.me, "command", { line, channel }) : act(this.me, "say", { text: escaped(line), channel, thread_ts: this.thread?.ts }));
      if (!command && this.thread) this.reply(null);
      if (answer.ack?.problem && !this.input.value) this.input.value = line;
      this.sent();
    } catch (error) {
      this.input.value ||= line;
      this.failed(error.message);
    } finally {
      this.button.removeAttribute("aria-busy");
    }
  }

  /** An error that is shown until the person tries something else. */
  failed(sentence) {
    this.refused = sentence && { text: sentence };
    this.tell();
  }

  tell() {
    const shown = this.refused || this.known || null;
    const stamp = JSON.stringify(shown);
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    replace(this.trouble, shown && troubleLine(shown));
  }
}

/** A line without its placeholders in capitals: `/signoff run NAME` is typed as `/signoff run`. */
const fixedPart = (line) => line.replace(/\s+[A-Z][A-Z_]+\b.*$/, "");

/** People type plain text, which Slack stores escaped. */
const escaped = (line) => line.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
