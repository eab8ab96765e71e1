// The emails that were read in this browser, for each mailbox.

const KEY = "mail read ";

// A new sandbox counts from 1 again.
export const stamp = (mail) => `${mail.id} ${mail.received_at}`;

export const readIn = (address) => new Set(JSON.parse(localStorage.getItem(KEY + address) || "[]"));

export const keepRead = (address, read) => localStorage.setItem(KEY + address, JSON.stringify([...read]));

/** Whether this key of the storage belongs to this page; null: the storage was cleared. */
export const isOfRead = (key) => key === null || key.startsWith(KEY);

/** The number of unread emails of a mailbox. */
export function unreadIn({ address, mails }) {
  const read = readIn(address);
  return mails.filter((mail) => !read.has(stamp(mail))).length;
}
