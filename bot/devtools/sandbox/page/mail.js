// Start here for email. The address has the mailbox (?to=mia@example.com) and, after the #, the email (#/12).

import { advise } from "./advice.js";
import { get } from "./api.js";
import { h, replace, speak } from "./dom.js";
import { follow, skipping } from "./follow.js";
import { mailChooser, showMailboxes } from "./mail-boxes.js";
import { showList } from "./mail-list.js";
import { isOfRead, keepRead, readIn, stamp } from "./mail-read.js";
import { Reader } from "./mail-reader.js";
import { panels } from "./panels.js";
import { MAIL, Switches } from "./switches.js";

const at = (id) => document.getElementById(id);
const to = new URLSearchParams(location.search).get("to")?.toLowerCase() || null;
const switches = new Switches({ node: at("switches"), banner: at("banner"), failed: speak, subject: MAIL });
const showPanels = panels();
const state = { known: null };

// -- read emails ---------------------------------------------------------------------------------------------------

let read = readIn(to);

function remember(mail, mails) {
  if (read.has(stamp(mail))) return;
  const stamps = new Set(mails.map(stamp));
  read = new Set([...read].filter((known) => stamps.has(known)).concat(stamp(mail)));
  keepRead(to, read);
}

// -- the mailbox ----------------------------------------------------------------------------------------------------

const title = h("h1", { class: "place-title" });
const subtitle = h("p", { class: "place-told" });
const list = h("ol", { class: "mails" });
const none = h("div", { class: "nothing", "data-empty": "No email yet.", hidden: true });
const reader = new Reader();
const inbox = h("section", { class: "inbox", "aria-label": "Emails" }, h("div", { class: "place-head" }, title, subtitle), h("div", { class: "mails-scroll", tabindex: 0, role: "region", "aria-label": "List of emails" }, none, list));

const wanted = () => decodeURIComponent(location.hash.replace(/^#\//, ""));

function build() {
  if (inbox.isConnected) return;
  replace(at("main"), h("div", { class: "mail-panes" }, inbox, reader.node));
}

async function showMailbox(mailboxes) {
  build();
  const box = mailboxes.find((box) => box.address === to);
  const zone = box?.tz || Intl.DateTimeFormat().resolvedOptions().timeZone;
  const { mails } = await get(`/mail?to=${encodeURIComponent(to)}`);
  announce(mails);
  const open = mails.find((mail) => mail.id === wanted());
  if (open && !document.hidden) remember(open, mails);
  title.textContent = box?.name || to;
  subtitle.textContent = `${box?.name ? `${to} · ` : ""}${mails.length === 1 ? "1 email" : `${mails.length} emails`}`;
  none.hidden = mails.length > 0;
  if (!none.hidden) await advise(none, { who: to, otherwise: "It appears here by itself." });
  showList(list, mails, { zone, now: open?.id, unread: (mail) => !read.has(stamp(mail)) });
  document.body.classList.toggle("reading", Boolean(wanted()));
  await reader.show(wanted() ? open || null : undefined, { zone, thread: open ? mails.filter((mail) => mail.thread === open.thread) : [] });
  const unread = mails.filter((mail) => !read.has(stamp(mail))).length;
  document.title = `${unread ? `(${unread}) ` : ""}${open ? `${open.subject || "(no subject)"} – ` : ""}${box?.name || to} – Signoff sandbox emails`;
}

function announce(mails) {
  const now = new Set(mails.map(stamp));
  const fresh = state.known ? mails.filter((mail) => !state.known.has(stamp(mail))) : [];
  state.known = now;
  if (fresh.length) speak(fresh.length === 1 ? `New email: ${fresh[0].subject || "(no subject)"}` : `${fresh.length} new emails`);
}

function showSide(mailboxes) {
  const mine = mailboxes.find((box) => box.address === to);
  showMailboxes(at("sidebar"), mailboxes, to);
  at("other-side").href = mine?.account ? `/sandbox?as=${encodeURIComponent(mine.account)}` : "/sandbox";
}

// -- bringing up to date --------------------------------------------------------------------------------------------

async function show() {
  const { mailboxes } = await get("/mailboxes");
  if (to === null) {
    document.body.classList.add("choosing");
    mailChooser(at("main"), mailboxes);
  } else await showMailbox(mailboxes);
  // The open email counts as read.
  showSide(mailboxes);
  await switches.refresh();
}

const refresh = follow({ show, switches });
skipping(at("main"));
addEventListener("hashchange", async (event) => {
  showPanels.close();
  const before = decodeURIComponent(new URL(event.oldURL).hash.replace(/^#\//, ""));
  await refresh();
  // In narrow windows, the element that had the focus is hidden now.
  if (wanted()) reader.focus();
  else list.querySelector(`[data-focus="mail ${CSS.escape(before)}"]`)?.focus();
});
addEventListener("storage", (event) => {
  if (!isOfRead(event.key)) return;
  read = readIn(to);
  refresh();
});
