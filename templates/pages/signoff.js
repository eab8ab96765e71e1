// Adds comfort to the pages: local times, marks of changes, live updates. Everything works without it.
"use strict";

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
function localize(page) {
  for (const time of page.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime()) && at.getTimezoneOffset() !== 0) {
      time.after(` (${local.format(at)} where you are)`);
    }
  }
}
localize(document);

document.getElementById("errors")?.focus();

// The server counts a form once, even if it is sent twice. This keeps a second click from being sent at all.
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });
}
// A page that the browser restores from its cache can be sent again.
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

function touched(control) {
  if (control.type === "radio" || control.type === "checkbox") return control.checked !== control.defaultChecked;
  if (control.tagName === "SELECT") return [...control.options].some((one) => one.selected !== one.defaultSelected);
  return control.value !== control.defaultValue;
}

// Let a field grow with its text in browsers that cannot do this with CSS.
if (!CSS.supports("field-sizing", "content")) {
  for (const area of document.querySelectorAll("textarea")) {
    const fit = () => {
      area.style.height = "auto";
      area.style.height = `${area.scrollHeight + area.offsetHeight - area.clientHeight}px`;
    };
    area.addEventListener("input", fit);
    fit();
  }
}

const approve = document.querySelector("button[data-changed]");
if (approve) {
  const plain = approve.textContent;
  const fields = [...document.querySelectorAll("[data-field]")];
  const mark = () => {
    let any = false;
    for (const field of fields) {
      const changed = [...field.querySelectorAll("input:not([type=hidden]), textarea, select")].some(touched);
      any ||= changed;
      const title = field.querySelector("legend, label");
      const sign = title.querySelector(".changed-mark");
      if (changed && !sign) {
        const made = document.createElement("span");
        made.className = "chip wait changed-mark";
        made.textContent = "changed";
        title.append(made);
      } else if (!changed) {
        sign?.remove();
      }
    }
    if (document.getElementById("as-it-stands")) approve.textContent = any ? approve.dataset.changed : plain;
  };
  approve.form.addEventListener("input", mark);
  mark();
}

function say(lines, tone) {
  const place = document.getElementById("live");
  const made = document.createElement("div");
  made.className = `notice ${tone}`;
  for (const text of lines) {
    const line = document.createElement("p");
    line.className = "text";
    line.dir = "auto";
    line.textContent = text;
    made.append(line);
  }
  place.replaceChildren(made);
  return made;
}

function close(form, told) {
  // People can still read and copy the text that they typed.
  for (const control of form.querySelectorAll("textarea, input:not([type=radio], [type=checkbox])")) control.readOnly = true;
  for (const control of form.querySelectorAll("button, select, input[type=radio], input[type=checkbox]")) control.disabled = true;
  // A page that is opened now has this heading.
  const heading = form.querySelector("[data-answered]");
  heading.textContent = heading.dataset.answered;
  const made = say([told.said, "Nothing can be decided here any more."], "warn");
  const again = document.createElement("a");
  again.href = location.pathname;
  again.textContent = "Show what became of it";
  made.append(again);
}

// All parts that can be outdated are taken from one page, so that they agree with each other.
async function renew(live) {
  const answer = await fetch(location.pathname);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  localize(page);
  for (const old of document.querySelectorAll("[data-renewed]")) {
    const now = page.getElementById(old.id);
    if (now === null) {
      old.remove();
      continue;
    }
    for (const details of old.querySelectorAll("details[open][id]")) {
      now.querySelector(`#${details.id}`)?.setAttribute("open", "");
    }
    if (old.isEqualNode(now)) continue;
    const focused = old.contains(document.activeElement) && document.activeElement.closest("details")?.id;
    old.replaceWith(now);
    if (focused) now.querySelector(`#${focused} > summary`)?.focus();
  }
  live.dataset.mark = page.querySelector("[data-mark]")?.dataset.mark ?? "";
}

const live = document.querySelector("[data-live]");
if (live && window.EventSource) {
  let source = null;
  let over = false;
  let renewing = Promise.resolve();
  const stop = () => {
    source?.close();
    source = null;
  };
  const hear = (event) => {
    const told = JSON.parse(event.data);
    if (told.said && live.tagName === "FORM" && !live.dataset.closed && !live.dataset.sent) {
      live.dataset.closed = "yes";
      close(live, told);
    } else if (!told.said && live.dataset.digest && told.digest !== live.dataset.digest) {
      say(["What this request asks has changed since you opened it. Load the page again."], "warn");
      return;
    }
    renewing = renewing.then(async () => {
      if (told.mark !== live.dataset.mark) await renew(live);
      if (told.ended) {
        over = true;
        stop();
      }
    }).catch(() => {
      // The server is stopped or the browser is offline. The stream breaks too, and sends this again once it is open.
    });
  };
  const start = () => {
    if (over || source || document.hidden) return;
    source = new EventSource(live.dataset.live);
    source.addEventListener("message", hear);
  };
  // Browsers allow six connections to one address for all of its windows: a hidden window closes its own.
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  addEventListener("pagehide", stop);
  addEventListener("pageshow", start);
  start();
}
