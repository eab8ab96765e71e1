// The sandbox's JSON API (docs/sandbox-api.md), and the stream that says when something changed.

const ROOT = "/sandbox/api";

/** What the sandbox refused. `problems`: by block id, what Slack's client says of inputs. */
export class Refused extends Error {
  constructor(answer) {
    super(answer.error || "The sandbox refused that.");
    this.problems = answer.problems || null;
  }
}

/** The sandbox did not answer at all. */
export class Gone extends Error {}

async function call(method, path, body) {
  const options = { method, headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    // Browsers write every refusal by status to their console, and people are refused every day.
    response = await fetch(`${ROOT}${path}${path.includes("?") ? "&" : "?"}quiet=1`, options);
  } catch {
    throw new Gone("The sandbox cannot be reached.");
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

/** Acts of one person happen one after the other, in the order in which they were asked for. */
export function act(person, what, body = {}) {
  const done = last.then(() => post(`/people/${encodeURIComponent(person)}/${what}`, body));
  last = done.catch(() => {});
  return done;
}

/**
 * Call `changed` whenever something changed, and `there` with whether the sandbox answers. A page that is not seen
 * listens to nothing: browsers allow few connections to one address, and other windows need theirs.
 */
export function listen({ changed, there }) {
  let source = null;
  let timer = 0;
  const stop = () => {
    clearTimeout(timer);
    if (source) source.close();
    source = null;
  };
  const start = () => {
    stop();
    if (document.hidden) return;
    source = new EventSource(`${ROOT}/changes`);
    source.onmessage = () => {
      there(true);
      changed();
    };
    source.onerror = () => {
      there(false);
      if (source && source.readyState === EventSource.CLOSED) timer = setTimeout(start, 1000);
    };
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => event.persisted && start());
  start();
}
