// The sandbox's JSON API (docs/sandbox-api.md), and the notification of changes.

const ROOT = "/sandbox/api";
/** Timeout of a request: an app has three seconds to answer, so no answer comes after this. */
const PATIENCE = 10_000;

/** A refusal of the sandbox. `problems`: the sentences of Slack's client under inputs, by block id. */
export class Refused extends Error {
  constructor(answer) {
    super(answer.error || "The sandbox refused that.");
    this.problems = answer.problems || null;
  }
}

/** The sandbox did not answer at all. */
export class Gone extends Error {}

const LATE = "There was no answer for ten seconds. Look whether it was done before you try again.";

async function call(method, path, body) {
  const options = { method, headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE);
  options.signal = patience.signal;
  let response;
  try {
    // With `quiet`, refusals have status 200: browsers log every other status to their console.
    response = await fetch(`${ROOT}${path}${path.includes("?") ? "&" : "?"}quiet=1`, options);
  } catch {
    throw new Gone(patience.signal.aborted ? LATE : "The sandbox cannot be reached.");
  } finally {
    clearTimeout(timer);
  }
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Refused({ error: `The sandbox answered with status ${response.status}.` });
  }
  if (!response.ok || answer.error) throw new Refused(answer);
  return answer;
}

export const get = (path) => call("GET", path);
export const post = (path, body = {}) => call("POST", path, body);
export const remove = (path) => call("DELETE", path);

let last = Promise.resolve();
const lookers = new Set();

/** Actions of one person run one after the other, in the order of their calls. */
export function act(person, what, body = {}) {
  const done = last.then(() => post(`/people/${encodeURIComponent(person)}/${what}`, body));
  last = done.catch(() => {}).then(() => lookers.forEach((look) => look()));
  return done;
}

/** Milliseconds between two polls: during changes, while idle, and in a hidden window. */
const SOON = 60;
const SELDOM = 500;
const UNSEEN = 2_000;

/**
 * Call `changed` after every change, and `reachable` with true or false when the sandbox answers or not. The page polls:
 * a stream would hold a connection, of which browsers allow six to one address, for all windows together.
 */
export function listen({ changed, reachable }) {
  let seen = null;
  let wait = SOON;
  let timer = 0;
  let asking = false;
  const look = async () => {
    clearTimeout(timer);
    if (asking) return;
    asking = true;
    try {
      const { count } = await get("/changes");
      reachable(true);
      wait = count === seen ? Math.min(wait * 1.5, SELDOM) : SOON;
      if (count !== seen) changed();
      seen = count;
    } catch (error) {
      reachable(!(error instanceof Gone));
      // A sandbox that was restarted may count from the beginning.
      seen = null;
      wait = SELDOM;
    } finally {
      asking = false;
    }
    timer = setTimeout(look, document.hidden ? UNSEEN : wait);
  };
  const now = () => {
    wait = SOON;
    look();
  };
  lookers.add(now);
  document.addEventListener("visibilitychange", () => document.hidden || now());
  addEventListener("pageshow", (event) => event.persisted && now());
  look();
}
