// The list of emails: conversations, newest first; in each, replies below the emails that they reply to.

import { h, reconcile } from "./dom.js";
import { icon } from "./icons.js";
import { format, full } from "./when.js";

/** The name of the sender, without the address. */
export function sender(mail) {
  const [, name] = /^\s*"?([^"<]*?)"?\s*<[^>]*>\s*$/.exec(mail.from) || [];
  return name || mail.from || mail.envelope.from || "(no sender)";
}

export const subject = (mail) => mail.subject || "(no subject)";

export const when = (mail, zone) =>
  h("time", { datetime: new Date(mail.received_at * 1000).toISOString(), title: full(mail.received_at, zone) }, format("{date_short_pretty}, {time}", mail.received_at, zone));

function item(mail, { zone, now, unread, answer }) {
  return h(
    "li",
    { class: `${answer ? "answer" : ""} ${unread ? "unread" : ""}` },
    h(
      "a",
      { href: `#/${encodeURIComponent(mail.id)}`, "aria-current": now ? "true" : null, "data-focus": `mail ${mail.id}` },
      h("span", { class: "mail-line" }, unread && h("span", { class: "mark" }, h("span", { class: "visually-hidden" }, "unread, ")), h("span", { class: "mail-sender" }, sender(mail)), when(mail, zone)),
      h("span", { class: "mail-subject" }, answer && h("span", { class: "visually-hidden" }, "in the same conversation: "), subject(mail)),
      h("span", { class: "mail-snippet" }, mail.snippet),
      mail.complaints.length > 0 && h("span", { class: "mail-complaints" }, icon("warning"), mail.complaints.length === 1 ? "1 complaint" : `${mail.complaints.length} complaints`),
    ),
  );
}

/** The emails in the order of the list, each marked as a reply or not. */
export function ordered(mails) {
  const threads = new Map();
  for (const mail of mails) threads.set(mail.thread, [...(threads.get(mail.thread) || []), mail]);
  const newest = (many) => mails.indexOf(many.at(-1));
  return [...threads.values()].sort((a, b) => newest(b) - newest(a)).flatMap((many) => many.map((mail, index) => ({ mail, answer: index > 0 })));
}

export function showList(list, mails, { zone, now, unread }) {
  const items = ordered(mails).map(({ mail, answer }) => {
    const how = { zone, now: mail.id === now, unread: unread(mail), answer };
    return { key: mail.id, stamp: JSON.stringify([mail.received_at, how, format("{date_short_pretty}", mail.received_at, zone)]), make: () => item(mail, how) };
  });
  reconcile(list, items);
}
