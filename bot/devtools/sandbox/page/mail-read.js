// Which mails were read in this browser, for each mailbox.

const KEY = "mail read ";

// A sandbox that begins anew counts from 1 again.
export const stamp = (mail) => `${mail.id} ${mail.received_at}`;

export const readIn = (address) => new Set(JSON.parse(localStorage.getItem(KEY + address) || "[]"));

export const keepRead = (address, read) => localStorage.setItem(KEY + address, JSON.stringify([...read]));

/** Whether this key of the storage is of ours; null: everything was cleared. */
export const isOfRead = (key) => key === null || key.startsWith(KEY);

/** How many of a mailbox's mails were not read yet. */
export function unreadIn({ address, mails }) {
  const read = readIn(address);
  return mails.filter((one) => !read.has(stamp(one))).length;
}
