// The list of mailboxes.

import { h, reconcile, replace } from "./dom.js";
import { unreadIn } from "./mail-read.js";
import { avatar } from "./messages.js";

const address = (one) => `/sandbox/mail?to=${encodeURIComponent(one.address)}`;
const first = (one) => one.name?.split(" ")[0] || one.address;
const mails = (one) => (one.count === 1 ? "1 mail" : `${one.count} mails`);

/** The kind of an address: people without a Slack account only have their address. */
export const by = (one) => (one.name === null ? "Nobody’s address" : one.account === null ? "By email only" : "In Slack too");

let shown = "";

export function showMailboxes(node, mailboxes, to) {
  const unread = new Map(mailboxes.map((one) => [one.address, unreadIn(one)]));
  const stamp = JSON.stringify([mailboxes, to, [...unread]]);
  if (stamp === shown) return;
  shown = stamp;
  const focused = document.activeElement?.dataset?.focus;
  const item = (one) =>
    h(
      "li",
      {},
      h(
        "a",
        { href: address(one), "aria-current": one.address === to ? "page" : null, "data-focus": `box ${one.address}`, title: one.address },
        avatar(one.name || one.address, one.address),
        h("span", { class: "person" }, h("span", { class: "place" }, first(one)), h("small", {}, one.name === null ? "nobody’s" : by(one))),
        unread.get(one.address) > 0 && h("span", { class: "count" }, unread.get(one.address), h("span", { class: "visually-hidden" }, " unread")),
      ),
    );
  const owned = mailboxes.filter((one) => one.name !== null);
  const others = mailboxes.filter((one) => one.name === null);
  replace(
    node,
    h("h2", { class: "side-title" }, "Mailboxes"),
    h("ul", { class: "people" }, owned.map(item)),
    others.length > 0 && [h("h2", { class: "side-title" }, "Other addresses"), h("ul", { class: "people" }, others.map(item))],
  );
  if (focused) [...node.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focused)?.focus();
}

const cards = h("ul", { class: "cards" });

/** The page before a mailbox is chosen. */
export function mailChooser(node, mailboxes) {
  if (!cards.isConnected) {
    const told = "This is where the mail of the local world ends up. Choose whose mailbox to open; any other address works as soon as something is sent to it.";
    replace(node, h("div", { class: "chooser" }, h("h1", {}, "Whose mail?"), h("p", {}, told), cards));
  }
  const card = (one) =>
    h("li", {}, h("a", { class: "card", href: address(one) }, avatar(one.name || one.address, one.address), h("span", {}, h("strong", {}, one.name || one.address), h("small", {}, `${by(one)} · ${mails(one)}`))));
  reconcile(cards, mailboxes.map((one) => ({ key: one.address, stamp: JSON.stringify(one), make: () => card(one) })));
}
