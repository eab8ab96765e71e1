// The list of mailboxes.

import { h, reconcile, replace } from "./dom.js";
import { unreadIn } from "./mail-read.js";
import { avatar } from "./messages.js";

const address = (box) => `/sandbox/mail?to=${encodeURIComponent(box.address)}`;
const first = (box) => box.name?.split(" ")[0] || box.address;
const mails = (box) => (box.count === 1 ? "1 email" : `${box.count} emails`);

/** The kind of an address: people without a Slack account only have their address. */
export const by = (box) => (box.name === null ? "No one’s address" : box.account === null ? "By email only" : "In Slack too");

let shown = "";

export function showMailboxes(node, mailboxes, to) {
  const unread = new Map(mailboxes.map((box) => [box.address, unreadIn(box)]));
  const stamp = JSON.stringify([mailboxes, to, [...unread]]);
  if (stamp === shown) return;
  shown = stamp;
  const focused = document.activeElement?.dataset?.focus;
  const item = (box) =>
    h(
      "li",
      {},
      h(
        "a",
        { href: address(box), "aria-current": box.address === to ? "page" : null, "data-focus": `box ${box.address}`, title: box.address },
        avatar(box.name || box.address, box.address),
        h("span", { class: "person" }, h("span", { class: "place" }, first(box)), h("small", {}, box.name === null ? "no one’s" : by(box))),
        unread.get(box.address) > 0 && h("span", { class: "count" }, unread.get(box.address), h("span", { class: "visually-hidden" }, " unread")),
      ),
    );
  const owned = mailboxes.filter((box) => box.name !== null);
  const others = mailboxes.filter((box) => box.name === null);
  replace(
    node,
    h("h2", { class: "side-title" }, "Mailboxes"),
    h("ul", { class: "people" }, owned.map(item)),
    others.length > 0 && [h("h2", { class: "side-title" }, "Other addresses"), h("ul", { class: "people" }, others.map(item))],
  );
  if (focused) [...node.querySelectorAll("[data-focus]")].find((link) => link.dataset.focus === focused)?.focus();
}

const cards = h("ul", { class: "cards" });

/** The page before a mailbox is chosen. */
export function mailChooser(node, mailboxes) {
  if (!cards.isConnected) {
    const intro = "Every email of this local Signoff arrives here. Choose a mailbox to open.";
    replace(node, h("div", { class: "chooser" }, h("h1", {}, "Whose emails?"), h("p", {}, intro), cards));
  }
  const card = (box) =>
    h("li", {}, h("a", { class: "card", href: address(box) }, avatar(box.name || box.address, box.address), h("span", {}, h("strong", {}, box.name || box.address), h("small", {}, `${by(box)} · ${mails(box)}`))));
  reconcile(cards, mailboxes.map((box) => ({ key: box.address, stamp: JSON.stringify(box), make: () => card(box) })));
}
