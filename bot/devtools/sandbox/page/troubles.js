// The failures that Slack's client shows to a person: at a message, in a modal, after a command.

export class Troubles {
  constructor() {
    this.all = [];
    this.from = null;
    this.since = new Map();
  }

  /** Take all failures. Those from before this page was opened are not shown. */
  know(troubles) {
    if (this.from === null || troubles.length < this.from) this.from = troubles.length;
    this.all = troubles;
  }

  /** Hide the failure when the person tries again. */
  acted(where) {
    this.since.set(where, this.all.length);
  }

  shown(where) {
    const first = Math.max(this.from ?? 0, this.since.get(where) ?? 0);
    return this.all.slice(first).findLast((trouble) => trouble.where === where) || null;
  }

  ofView(id) {
    return this.shown(`view ${id}`);
  }

  /** The failures of messages, by ts. */
  ofMessages() {
    const byTs = new Map();
    for (const { where } of this.all) {
      if (where.startsWith("message ") && this.shown(where)) byTs.set(where.slice(8), this.shown(where));
    }
    return byTs;
  }

  ofCommands() {
    const names = new Set(this.all.map((trouble) => trouble.where).filter((where) => where.startsWith("command ")));
    const shown = [...names].map((where) => this.shown(where)).filter(Boolean);
    return shown.length ? { ...shown.at(-1), text: `${shown.at(-1).where.slice(8)} failed. ${shown.at(-1).text}` } : null;
  }
}
