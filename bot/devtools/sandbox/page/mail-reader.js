// The open email: as HTML, as text, its headers, its source.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { icon } from "./icons.js";
import { sender, subject, when } from "./mail-list.js";

const TABS = { rendered: "Rendered", text: "Text", headers: "Headers", source: "Source" };

// Links open in ordinary windows; everything else that a page could do is blocked.
const frame = (mail) =>
  h("iframe", {
    class: "rendered", sandbox: "allow-popups allow-popups-to-escape-sandbox", referrerpolicy: "no-referrer",
    src: `/sandbox/mail/${encodeURIComponent(mail.id)}/rendered`, title: `The email “${subject(mail)}”, rendered`, tabindex: 0,
  });

const pre = (text, label) => h("pre", { class: "mail-text", tabindex: 0, role: "region", "aria-label": label }, text);

const table = (mail) =>
  h("div", { class: "mail-headers", tabindex: 0, role: "region", "aria-label": "Headers" }, h("dl", {}, mail.headers.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));

async function source(mail) {
  const response = await fetch(`/sandbox/api/mail/${encodeURIComponent(mail.id)}/raw`);
  return pre(await response.text(), "Source");
}

const SHOWN = {
  rendered: (mail) => (mail.html === null ? h("p", { class: "nothing" }, "This email has no HTML.") : frame(mail)),
  text: (mail) => (mail.text === null ? h("p", { class: "nothing" }, "This email has no text.") : pre(mail.text, "Text")),
  headers: table,
  source,
};

export class Reader {
  constructor() {
    this.shown = "";
    this.chosen = null;
    this.node = h("section", { class: "reader", "aria-label": "The open email" });
    this.nothing("Choose an email to read it here.");
  }

  /** `summary`: undefined if no email is open, null if the email does not exist. */
  async show(summary, { zone, thread }) {
    const stamp = JSON.stringify([summary === undefined ? "none" : summary, zone, thread.length]);
    if (stamp === this.shown) return;
    this.shown = stamp;
    if (summary === undefined) return this.nothing("Choose an email to read it here.");
    if (summary === null) return this.nothing("This email does not exist, or was deleted.");
    const { mail } = await get(`/mail/${encodeURIComponent(summary.id)}`);
    const kept = this.mail?.id === mail.id && this.mail.received_at === mail.received_at;
    this.mail = mail;
    if (kept && this.heading?.isConnected) return this.conversation.replaceChildren(...this.others(thread, zone));
    this.conversation = h("div", { class: "conversation" }, this.others(thread, zone));
    this.heading = h("h2", { tabindex: -1 }, subject(mail));
    this.panel = h("div", { class: "mail-panel", role: "tabpanel", id: "mail-panel" });
    this.tabs = Object.entries(TABS).map(([name, label]) =>
      h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "mail-panel", onclick: () => this.choose(name) }, label),
    );
    replace(this.node, this.back(), h("header", { class: "reader-head" }, this.heading, this.facts(mail, zone), this.conversation), this.tablist(), this.panel);
    const usual = mail.html === null ? "text" : "rendered";
    await this.open(this.chosen === null || this.chosen === "rendered" ? usual : this.chosen);
  }

  nothing(sentence) {
    this.mail = null;
    replace(this.node, this.back(), h("p", { class: "nothing" }, sentence));
  }

  back() {
    return h("a", { class: "back", href: "#/" }, icon("back"), "All emails");
  }

  facts(mail, zone) {
    const line = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
    const { from, to } = mail.envelope;
    const way = `${mail.tls ? "encrypted" : "unencrypted"}${mail.user === null ? "" : `, sent as ${mail.user}`}`;
    return [
      h(
        "dl",
        { class: "facts" },
        line("From", mail.from || sender(mail)),
        line("To", mail.to || to.join(", ")),
        line("Received", [when(mail, zone), ` · ${way}`]),
        line("Envelope", `${from || "<>"} → ${to.join(", ")}`),
        mail.attachments.length > 0 && line("Attached", mail.attachments.join(", ")),
      ),
      mail.complaints.length > 0 &&
        h("div", { class: "complaints" }, h("h3", {}, icon("warning"), "What a strict mail server would object to"), h("ul", {}, mail.complaints.map((complaint) => h("li", {}, complaint)))),
    ];
  }

  others(thread, zone) {
    const rest = thread.filter((mail) => mail.id !== this.mail.id);
    if (!rest.length) return [];
    const links = rest.map((mail) => h("li", {}, h("a", { href: `#/${encodeURIComponent(mail.id)}` }, subject(mail)), " ", when(mail, zone)));
    return [h("h3", {}, "In the same conversation"), h("ul", {}, links)];
  }

  tablist() {
    return h("div", { class: "tabs", role: "tablist", "aria-label": "How to show the email", onkeydown: (event) => this.move(event) }, this.tabs);
  }

  move(event) {
    const names = Object.keys(TABS);
    const now = names.indexOf(this.name);
    const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: names.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const name = names[(next + names.length) % names.length];
    this.choose(name);
    this.tabs.find((tab) => tab.id === `tab-${name}`).focus();
  }

  choose(name) {
    this.chosen = name;
    this.open(name);
  }

  async open(name) {
    this.name = name;
    for (const tab of this.tabs) {
      const now = tab.id === `tab-${name}`;
      tab.setAttribute("aria-selected", String(now));
      tab.tabIndex = now ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", `tab-${name}`);
    const { mail, panel } = this;
    const shown = await SHOWN[name](mail);
    if (this.name === name && this.panel === panel) replace(panel, shown);
  }

  focus() {
    (this.mail ? this.heading : this.node.querySelector(".back"))?.focus();
  }
}
