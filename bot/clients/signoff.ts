/**
 * Asks people before something risky happens: a client of Signoff in one file, without dependencies.
 *
 * It runs wherever `fetch` and WebCrypto are: Node 20, Deno, Bun, workers, browsers (where no API key belongs).
 *
 *     const signoff = new Signoff(); // SIGNOFF_URL and SIGNOFF_API_KEY
 *     await signoff.run("Refund A-1?", { amount: 84.5 }, { editable: ["amount"] }, async ({ amount }) => refund(amount));
 *
 * Numbers are those of JavaScript: pass money with more than 15 digits as a text.
 */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Arguments = { [name: string]: Json };
export type Status = "pending" | "approved" | "rejected" | "expired" | "cancelled" | "failed";

export interface Ask {
  id: string;
  status: Status;
  title: string;
  arguments: Arguments;
  digest: string | null;
  rev: number;
  decision: {
    verdict: string;
    by: { name: string; email?: string | null } | null;
    at: string | null;
    reason: string | null;
    edits: { path: string; before: Json; after: Json }[];
  } | null;
  valid_until: string | null;
  consumed_at: string | null;
  outcome: { status: "succeeded" | "failed" | "unknown"; note: string | null; at: string | null } | null;
  request: { id: string; url: string | null; due_at: string | null; waiting_for: string[] } | null;
  url: string | null;
}

/** What an ask says besides its title and its arguments. */
export interface Content {
  editable?: boolean | string[];
  fields?: { [name: string]: Json };
  risk?: "low" | "medium" | "high" | "critical";
  tool?: string;
  server?: string;
  summary?: string;
  reasoning?: string;
  impact?: string;
  confidence?: string;
  data?: string;
  workflow?: string;
  requester?: string;
  callback?: string;
  expires_in?: string;
}

export interface Options {
  /** Names the ask: a program that was restarted continues with it, and its effect runs only once. */
  key?: string;
  /** Stops waiting. An ask without a `key` is cancelled then. */
  signal?: AbortSignal;
}

/** The call did not end with an approval or an answer. Nothing that it guards has run. */
export class SignoffError extends Error {
  override name = "SignoffError";
}

/** The server refused the call. Trying again does not help. */
export class Refused extends SignoffError {
  override name = "Refused";
  constructor(
    message: string,
    readonly code: string,
    readonly status: number,
    readonly errors: { [path: string]: string } = {},
  ) {
    super([message, ...Object.entries(errors).map(([path, text]) => `${path}: ${text}`)].join("\n"));
  }
}

/** The ask ended without an approval that this call may use: rejected, expired, cancelled, or used before. */
export class NotApproved extends SignoffError {
  override name = "NotApproved";
  constructor(
    readonly why: "rejected" | "expired" | "cancelled" | "failed" | "already-used",
    readonly ask: Ask,
  ) {
    super(sentence(why, ask));
  }
}

/** The server did not answer for so long that the call gave up. */
export class Unreachable extends SignoffError {
  override name = "Unreachable";
}

/** An answer is not what the server sends, for example the page of a proxy. It never counts as an approval. */
export class UnclearAnswer extends SignoffError {
  override name = "UnclearAnswer";
}

function sentence(why: NotApproved["why"], ask: Ask): string {
  const title = JSON.stringify(ask.title);
  const by = ask.decision?.by ? ` by ${ask.decision.by.name}` : "";
  switch (why) {
    case "rejected":
      return `${title} was rejected${by}${ask.decision?.reason ? `: ${ask.decision.reason}` : "."}`;
    case "expired":
      return ask.decision?.verdict === "approved"
        ? `${title} was approved, and the approval was not used in time. Ask again.`
        : `${title} expired: it was not decided in time. Ask again if it is still needed.`;
    case "already-used":
      return `The approval of ${title} was already used. It does not run again.`;
    default:
      return `${title} was not approved: it ${why === "failed" ? "failed" : `was ${why}`}.`;
  }
}

const AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);
const STATUSES = new Set(["pending", "approved", "rejected", "expired", "cancelled", "failed"]);
const LONGEST_PAUSE = 5_000;
const POLL = 30;
const ADVICE = "Nothing has run. Check that SIGNOFF_URL is the address of a Signoff server.";

interface Call {
  method: "GET" | "POST";
  path: string;
  body?: object;
  key?: string;
  seconds?: number;
  patience?: number;
  signal?: AbortSignal;
}

export class Signoff {
  readonly #base: string;
  readonly #key: string;
  readonly #patience: number;

  /** `patience`: for how many seconds a call is repeated while the server does not answer. Waiting goes on. */
  constructor(options: { url?: string; apiKey?: string; patience?: number } = {}) {
    const env = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env ?? {};
    const url = (options.url ?? env["SIGNOFF_URL"] ?? "").trim().replace(/\/+$/, "");
    this.#key = (options.apiKey ?? env["SIGNOFF_API_KEY"] ?? "").trim();
    if (!/^https?:\/\/[^/]/.test(url)) {
      throw new SignoffError("SIGNOFF_URL is not set to a web address. Set it to one like https://signoff.example.com.");
    }
    if (this.#key === "") {
      throw new SignoffError("There is no API key. Make one with `signoff keys create NAME`, and set SIGNOFF_API_KEY to it.");
    }
    this.#base = `${url.replace(/\/api\/v1$/, "")}/api/v1`;
    this.#patience = (options.patience ?? 60) * 1000;
  }

  /** Ask. The same key with the same content is the same ask. `use`: "once" for an approval that `consume` takes. */
  async ask(title: string, args: Arguments, content: Content & { use?: "answer" | "once" } = {}, options: Options = {}): Promise<Ask> {
    const body = { title, arguments: args, ...content };
    const key = options.key ?? crypto.randomUUID();
    return this.#ask({ method: "POST", path: "/asks", body, key, ...given(options.signal) });
  }

  /** Return an ask as it is now. */
  async get(id: string): Promise<Ask> {
    return this.#ask({ method: "GET", path: `/asks/${encodeURIComponent(id)}` }, id);
  }

  /** Wait until an ask is decided, over restarts of the server and lost connections. */
  async wait(ask: Ask, options: { signal?: AbortSignal } = {}): Promise<Ask> {
    const path = `/asks/${encodeURIComponent(ask.id)}?wait=${POLL}s`;
    while (ask.status === "pending") {
      const began = Date.now();
      ask = await this.#ask({ method: "GET", path, seconds: POLL + 15, patience: Infinity, ...given(options.signal) }, ask.id);
      if (ask.status === "pending" && Date.now() - began < 500) {
        await pause(1000, options.signal); // a proxy that holds no answer back must not make this loop spin
      }
    }
    return ask;
  }

  /** Take the approval of an ask, exactly once: only this call gets it. Raise `NotApproved` if there is none. */
  async consume(ask: Ask): Promise<Ask> {
    const approved = usable(ask);
    const body = approved.digest === null ? { arguments: approved.arguments } : { digest: approved.digest };
    const call: Call = { method: "POST", path: `/asks/${encodeURIComponent(ask.id)}/consume`, body, key: crypto.randomUUID() };
    let used: Ask;
    try {
      used = await this.#ask(call, ask.id);
    } catch (error) {
      if (error instanceof Refused && error.code === "already-consumed") throw new NotApproved("already-used", await this.get(ask.id));
      if (error instanceof Refused && error.code === "approval-lapsed") throw new NotApproved("expired", await this.get(ask.id));
      throw error;
    }
    if (used.consumed_at === null || used.digest !== approved.digest || !same(used.arguments, approved.arguments)) {
      throw new UnclearAnswer(`The server did not confirm that the approval of ${JSON.stringify(ask.title)} was used. Nothing has run.`);
    }
    return used;
  }

  /** Report what became of the effect. "unknown" asks the owner of the workflow to look. */
  async outcome(ask: Ask, status: "succeeded" | "failed" | "unknown", more: { note?: string; result?: Json } = {}): Promise<Ask> {
    const path = `/asks/${encodeURIComponent(ask.id)}/outcome`;
    return this.#ask({ method: "POST", path, body: { status, ...more }, key: crypto.randomUUID() }, ask.id);
  }

  /** Cancel an ask. */
  async cancel(ask: Ask, reason = "The program that asked has stopped waiting."): Promise<Ask> {
    const path = `/asks/${encodeURIComponent(ask.id)}/cancel`;
    return this.#ask({ method: "POST", path, body: { reason }, key: crypto.randomUUID() }, ask.id);
  }

  /** Ask for an approval, wait for it, and take it, exactly once. Its `arguments` are those to use, with the edits. */
  async approve(title: string, args: Arguments, content: Content = {}, options: Options = {}): Promise<Ask> {
    const sent = JSON.parse(JSON.stringify(args)) as Arguments; // what the caller changes later, changes nothing
    const asked = await this.ask(title, sent, { ...content, use: "once" }, options);
    let decided: Ask;
    try {
      decided = usable(await this.wait(asked, options));
    } catch (error) {
      if (options.signal?.aborted && options.key === undefined) await this.cancel(asked).catch(() => undefined);
      throw error;
    }
    check(sent, decided, content);
    return this.consume(decided);
  }

  /** Run an effect with the approved arguments, once, and report its outcome. It never runs without an approval. */
  async run<T>(title: string, args: Arguments, content: Content & Options, effect: (approved: Arguments) => Promise<T> | T): Promise<T> {
    const { key, signal, ...rest } = content;
    const ask = await this.approve(title, args, rest, { ...(key === undefined ? {} : { key }), ...given(signal) });
    return this.report(ask, () => effect(ask.arguments));
  }

  /** Run an effect whose approval was taken, and report its outcome. */
  async report<T>(ask: Ask | undefined, effect: () => Promise<T> | T): Promise<T> {
    if (!ask?.consumed_at) throw new SignoffError("No approval was taken for this call. Nothing has run.");
    let result: T;
    try {
      result = await effect();
    } catch (error) {
      // After a lost connection or a timeout it may have happened: the owner of the workflow has to look.
      const { name, message } = error as Error;
      const isLost = ["AbortError", "TimeoutError"].includes(name) || (name === "TypeError" && /fetch|network/i.test(message));
      await this.outcome(ask, isLost ? "unknown" : "failed", { note: String(error).slice(0, 500) }).catch(warn);
      throw error;
    }
    await this.outcome(ask, "succeeded").catch(warn);
    return result;
  }

  async #ask(call: Call, id?: string): Promise<Ask> {
    const found = await this.#answered(call);
    if (!isAsk(found)) throw new UnclearAnswer(`The server sent an answer that is no ask. ${ADVICE}`);
    if (id !== undefined && found.id !== id) throw new UnclearAnswer(`The server sent another ask than ${id}. ${ADVICE}`);
    return found;
  }

  async #answered(call: Call): Promise<unknown> {
    const end = Date.now() + (call.patience ?? this.#patience);
    for (let tries = 0; ; tries++) {
      call.signal?.throwIfAborted();
      let reply: Response | undefined;
      let text = "";
      let why: unknown;
      try {
        reply = await fetch(this.#base + call.path, this.#init(call));
        text = await reply.text();
      } catch (error) {
        call.signal?.throwIfAborted();
        [reply, why] = [undefined, error];
      }
      if (reply && !AGAIN.has(reply.status)) return read(reply, text);
      const asked = Number(reply?.headers.get("retry-after")) || 0;
      const next = Math.max(asked * 1000, Math.min(LONGEST_PAUSE, 200 * 2 ** Math.min(tries, 10)) * (0.5 + Math.random() / 2));
      if (Date.now() + next > end) {
        throw new Unreachable(`Signoff did not answer (${reply ? `status ${reply.status}` : String(why)}). Check SIGNOFF_URL, and whether the server runs.`);
      }
      await pause(next, call.signal);
    }
  }

  #init(call: Call): RequestInit {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#key}` };
    if (call.key !== undefined) headers["idempotency-key"] = call.key;
    if (call.body !== undefined) headers["content-type"] = "application/json";
    const limit = AbortSignal.timeout((call.seconds ?? 30) * 1000);
    const signal = call.signal ? AbortSignal.any([call.signal, limit]) : limit;
    return { method: call.method, headers, signal, redirect: "manual", ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }) };
  }
}

function given(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function warn(error: unknown): void {
  console.warn(`Signoff: the outcome was not reported (${String(error)}). The owner of the workflow will be asked.`);
}

/** Return an ask that is approved and not used. Raise what it is instead. */
function usable(ask: Ask): Ask {
  if (ask.consumed_at !== null) throw new NotApproved("already-used", ask);
  if (ask.status === "approved") return ask;
  throw ask.status === "pending" ? new SignoffError(`${JSON.stringify(ask.title)} is not decided yet.`) : new NotApproved(ask.status, ask);
}

/** Raise if anything but an editable argument is not what was asked for. */
function check(sent: Arguments, ask: Ask, content: Content): void {
  const declared = Object.keys(content.fields ?? {});
  const names = new Set([...Object.keys(sent), ...Object.keys(ask.arguments)]);
  for (const name of names) {
    if (declared.includes(name)) continue;
    const has = name in sent && name in ask.arguments;
    const free = content.editable === true || (Array.isArray(content.editable) && content.editable.includes(name));
    if (!has || (!free && !same(sent[name], ask.arguments[name]))) {
      throw new UnclearAnswer(`${JSON.stringify(ask.title)}: ${name} is not what was asked for, though it may not be edited.`);
    }
  }
}

function same(left: unknown, right: unknown): boolean {
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => same(item, right[index]));
  }
  if (isObject(left) && isObject(right)) {
    const names = Object.keys(left);
    return names.length === Object.keys(right).length && names.every((name) => name in right && same(left[name], right[name]));
  }
  return left === right;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAsk(value: unknown): value is Ask {
  return (
    isObject(value) &&
    typeof value["id"] === "string" &&
    STATUSES.has(value["status"] as string) &&
    isObject(value["arguments"]) &&
    (typeof value["digest"] === "string" || value["digest"] === null) &&
    (typeof value["consumed_at"] === "string" || value["consumed_at"] === null)
  );
}

function read(reply: Response, text: string): unknown {
  let value: unknown;
  try {
    value = /json\s*(;|$)/.test(reply.headers.get("content-type") ?? "") ? JSON.parse(text) : undefined;
  } catch {
    value = undefined;
  }
  if ((reply.status === 200 || reply.status === 201) && value !== undefined) return value;
  if (reply.status >= 400 && isObject(value) && typeof value["code"] === "string") {
    const errors = isObject(value["errors"]) ? (value["errors"] as { [path: string]: string }) : {};
    throw new Refused(String(value["detail"] ?? value["title"] ?? value["code"]), value["code"], reply.status, errors);
  }
  throw new UnclearAnswer(`The server answered with ${reply.status}, and not as Signoff does. ${ADVICE}`);
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      signal?.removeEventListener("abort", stop);
      resolve();
    }
    function stop(): void {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener("abort", stop, { once: true });
  });
}

export interface Callback {
  type: string;
  id: string;
  timestamp: string;
  data: Ask;
}

/**
 * Return what a callback says, or raise if Signoff did not send it. `body` is the text as it came; `secret` is the
 * `whsec_…` of the callback endpoint. Keep the `id` of what you have handled: a callback may come twice.
 */
export async function verifyCallback(
  headers: Headers | Record<string, string | string[] | undefined>,
  body: string,
  secret: string,
  options: { now?: Date; tolerance?: number } = {},
): Promise<Callback> {
  const header = (name: string): string => {
    const value = headers instanceof Headers ? headers.get(name) : headers[name];
    return Array.isArray(value) ? value.join(" ") : (value ?? "");
  };
  const [id, at, signatures] = [header("webhook-id"), header("webhook-timestamp"), header("webhook-signature")];
  const age = Math.abs((options.now ?? new Date()).getTime() / 1000 - Number(at));
  if (id === "" || !/^\d{1,12}$/.test(at) || !(age <= (options.tolerance ?? 300))) {
    throw new SignoffError("This callback has no id, or its time is not now. Refuse it.");
  }
  const text = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", decoded(secret.replace(/^whsec_/, "")), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  for (const each of signatures.split(" ")) {
    const [version, signature] = each.split(",", 2);
    if (version !== "v1" || !signature || !/^[A-Za-z0-9+/]{43}=$/.test(signature)) continue;
    if (await crypto.subtle.verify("HMAC", key, decoded(signature), text.encode(`${id}.${at}.${body}`))) {
      return JSON.parse(body) as Callback;
    }
  }
  throw new SignoffError("This callback is not signed with this secret. Refuse it.");
}

function decoded(base64: string): BufferSource {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
