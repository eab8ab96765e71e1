// Adds comfort to the pages: local times, marks of changes, live updates. Everything works without it.
"use strict";

// The pages are in English, and so are all their dates: those in values, and those that this script writes.
const dateFormat = new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeStyle: "short" });
const clockFormat = new Intl.DateTimeFormat("en-US", { timeStyle: "short" });
function writeLocalTime(at) {
  const now = new Date();
  const isStillToday = at > now && at.toDateString() === now.toDateString();
  const text = isStillToday ? `today at ${clockFormat.format(at)}` : dateFormat.format(at);
  return text.replaceAll("\u202f", " ");
}
function showLocalTimes(page) {
  for (const time of page.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title ||= time.textContent;
    const text = writeLocalTime(at);
    if (time.textContent !== text) time.textContent = text;
  }
}
showLocalTimes(document);
// A page may be open for days: today becomes another day.
setInterval(() => showLocalTimes(document), 60_000);

document.getElementById("errors")?.focus();

// The Enter key on a box or an option would send its form.
addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches?.("input[type=checkbox], input[type=radio]")) event.preventDefault();
});

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

// Without `data-old`, a control was never sent, and its default is what stands in the request.
function isChanged(control) {
  const wasChosen = (choice, otherwise) => (choice.dataset.old ? choice.dataset.old === "yes" : otherwise);
  if (control.type === "radio" || control.type === "checkbox") {
    return control.checked !== wasChosen(control, control.defaultChecked);
  }
  if (control.tagName === "SELECT") {
    return [...control.options].some((option) => option.selected !== wasChosen(option, option.defaultSelected));
  }
  return control.value !== (control.dataset.old ?? control.defaultValue);
}

// Put back what stood in a field before it was changed, even if the page was sent and came back in between.
function keepOld(control) {
  if (control.type === "radio" || control.type === "checkbox") {
    control.checked = control.dataset.old ? control.dataset.old === "yes" : control.defaultChecked;
  } else if (control.tagName === "SELECT") {
    for (const option of control.options) {
      option.selected = option.dataset.old ? option.dataset.old === "yes" : option.defaultSelected;
    }
  } else {
    control.value = control.dataset.old ?? control.defaultValue;
  }
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
  const form = approve.form;
  const fields = [...form.querySelectorAll("[data-field]")];
  const mark = (field, isEdited) => {
    const title = field.closest(".value")?.querySelector("dt") ?? field.querySelector("legend, label");
    const chip = title.querySelector(".changed-mark");
    if (isEdited && !chip) {
      const newChip = document.createElement("span");
      newChip.className = "chip wait changed-mark";
      newChip.textContent = "changed";
      title.append(newChip);
    } else if (!isEdited) {
      chip?.remove();
    }
  };
  const markChanges = () => {
    let anyEdited = false;
    for (const field of fields) {
      const isTyped = [...field.querySelectorAll("input:not([type=hidden]), textarea, select")].some(isChanged);
      const isEdited = isTyped || field.dataset.edited === "yes";
      anyEdited ||= isEdited;
      mark(field, isEdited);
    }
    approve.textContent = anyEdited ? approve.dataset.changed : approve.dataset.label;
  };
  // The server compares the texts, so that the difference is the one that everybody sees later.
  let latest = 0;
  const showDifferences = async () => {
    const mine = ++latest;
    // Files are sent once, with the decision.
    const typed = new FormData();
    for (const [name, value] of new FormData(form)) if (typeof value === "string") typed.append(name, value);
    const response = await fetch(form.dataset.changes, { method: "POST", body: typed });
    const page = new DOMParser().parseFromString(response.ok ? await response.text() : "", "text/html");
    if (mine !== latest || !response.ok) return;
    for (const field of fields) {
      const typed = document.getElementById(`${field.dataset.field}-typed`);
      const change = page.querySelector(`[data-typed="${field.dataset.field}"]`);
      typed?.replaceChildren(...(change?.childNodes ?? []));
      delete field.dataset.edited;
      if (change) field.dataset.edited = "yes";
    }
    markChanges();
    // It must not stand behind the buttons.
    document.activeElement?.closest(".value")?.querySelector(".typed")?.scrollIntoView({ block: "nearest" });
  };
  let waiting = 0;
  const hasDifferences = document.querySelector(".typed") !== null;
  form.addEventListener("input", () => {
    markChanges();
    clearTimeout(waiting);
    // Without the server, the page still says which fields are changed.
    if (hasDifferences) waiting = setTimeout(() => showDifferences().catch(() => {}), 300);
  });
  markChanges();
  for (const keep of form.querySelectorAll(".keep")) {
    keep.hidden = false;
    keep.addEventListener("click", () => {
      const value = keep.closest(".value");
      for (const control of value.querySelectorAll("input:not([type=hidden]), textarea, select")) keepOld(control);
      latest++;
      delete value.querySelector("[data-field]").dataset.edited;
      keep.previousElementSibling.replaceChildren();
      const details = value.querySelector(".change > details");
      details.open = false;
      details.querySelector("summary").focus();
      markChanges();
    });
  }
  // The difference that is shown while people type stands right above the buttons, however high these are.
  const bar = form.querySelector(".bar");
  new ResizeObserver(() => {
    document.documentElement.style.setProperty("--bar", `${bar.offsetHeight}px`);
  }).observe(bar);
  for (const details of form.querySelectorAll(".change > details")) {
    details.addEventListener("toggle", () => {
      if (details.open) details.querySelector("textarea, select, input:not([type=hidden])")?.focus();
    });
  }
}

// The reason is asked for where the button is, and only then.
const why = document.getElementById("why");
const cancel = document.getElementById("cancel");
if (approve && cancel && why && !("always" in why.dataset)) {
  const reason = why.querySelector("textarea");
  const label = document.getElementById("reason-label");
  const plainLabel = "Reason";
  const asking = approve.form.querySelectorAll("button[value=revise], button[value=skip], button[value=reject]");
  let pressed = null;
  const show = (button) => {
    pressed = button;
    why.hidden = reason.disabled = cancel.hidden = !button;
    approve.hidden = Boolean(button);
    for (const other of asking) other.hidden = Boolean(button) && other !== button;
    label.textContent = button?.dataset.reason ?? plainLabel;
  };
  if (why.dataset.asked) show([...asking].find((button) => button.value === why.dataset.asked));
  for (const button of asking) {
    button.addEventListener("click", (event) => {
      if (!why.hidden) return;
      event.preventDefault();
      show(button);
      reason.focus();
    });
  }
  cancel.addEventListener("click", () => {
    const last = pressed;
    show(null);
    last?.focus();
  });
}

function createTime(at) {
  const time = document.createElement("time");
  time.dateTime = at;
  time.title = at;
  time.textContent = writeLocalTime(new Date(at));
  return time;
}

function showNotice(lines, tone) {
  const notice = document.createElement("div");
  notice.className = `notice ${tone}`;
  for (const parts of lines) {
    const line = document.createElement("p");
    line.className = "text";
    line.dir = "auto";
    for (const part of parts) line.append(typeof part === "string" ? part : createTime(part.at));
    notice.append(line);
  }
  document.getElementById("live").replaceChildren(notice);
  return notice;
}

function closeForm(form, outcome) {
  // People can still read and copy the text that they typed.
  for (const control of form.querySelectorAll("textarea, input:not([type=radio], [type=checkbox])")) control.readOnly = true;
  for (const control of form.querySelectorAll("select, input[type=radio], input[type=checkbox], input[type=file]")) control.disabled = true;
  const hadFocus = document.activeElement?.tagName === "BUTTON";
  // Buttons that do nothing any more make way for the outcome.
  for (const buttons of form.querySelectorAll(".keep, .bar .buttons, [data-while-open]")) buttons.remove();
  const ask = document.getElementById("ask");
  if (ask && ![...ask.querySelectorAll("textarea")].some((area) => area.value)) ask.remove();
  // A page that is opened now has this heading.
  const heading = form.querySelector("[data-answered]");
  heading.textContent = heading.dataset.answered;
  const notice = showNotice([outcome, ["Your answer is no longer needed."]], "warn");
  const link = document.createElement("a");
  link.href = location.pathname;
  link.className = "button";
  link.textContent = "Show the outcome";
  notice.append(link);
  if (hadFocus) link.focus();
}

// All parts that can be outdated are taken from one page, so that they agree with each other.
async function updateParts(live) {
  const response = await fetch(location.pathname);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  showLocalTimes(page);
  for (const old of document.querySelectorAll("[data-renewed]")) {
    const current = page.getElementById(old.id);
    if (current === null) {
      old.remove();
      continue;
    }
    for (const details of old.querySelectorAll("details[open][id]")) {
      current.querySelector(`#${details.id}`)?.setAttribute("open", "");
    }
    if (old.isEqualNode(current)) continue;
    const focused = old.contains(document.activeElement) && document.activeElement.closest("details")?.id;
    old.replaceWith(current);
    if (focused) current.querySelector(`#${focused} > summary`)?.focus();
  }
  const can = page.querySelector("[data-can]")?.dataset.can;
  if (can !== undefined && can !== live.dataset.can) {
    showNotice([["What you can do here has changed. Load the page again."]], "warn");
  }
  live.dataset.mark = page.querySelector("[data-mark]")?.dataset.mark ?? "";
}

// Follows a stream of events, and returns what ends it. Browsers allow six connections to one address for all of its
// windows: a hidden window closes its own.
function followEvents(url, handleEvent) {
  let source = null;
  let ended = false;
  const stop = () => {
    source?.close();
    source = null;
  };
  const start = () => {
    if (ended || source || document.hidden) return;
    source = new EventSource(url);
    source.addEventListener("message", handleEvent);
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  addEventListener("pagehide", stop);
  addEventListener("pageshow", start);
  start();
  return () => {
    ended = true;
    stop();
  };
}

const live = document.querySelector("[data-live]");
if (live && window.EventSource) {
  let updating = Promise.resolve();
  const end = followEvents(live.dataset.live, (event) => {
    const state = JSON.parse(event.data);
    if (state.said && live.tagName === "FORM" && !live.dataset.closed && !live.dataset.sent) {
      live.dataset.closed = "yes";
      closeForm(live, state.said);
    } else if (!state.said && live.dataset.digest && state.digest !== live.dataset.digest) {
      showNotice([["The request has changed since you opened it. Load the page again."]], "warn");
      return;
    }
    updating = updating.then(async () => {
      if (state.mark !== live.dataset.mark) await updateParts(live);
      if (state.ended) end();
    }).catch(() => {
      // The server is stopped or the browser is offline. The stream breaks too, and sends this again once it is open.
    });
  });
}

// A page that answers a form takes the address of the page that the form was on: reloading it, or going back to it,
// then opens that page, where the browser would ask whether to send the form again.
const answered = document.querySelector("[data-address]");
if (answered) history.replaceState(null, "", answered.dataset.address + location.hash); // the part that it scrolls to

// Rows never move under the pointer: the page says that its list has changed, and people load it when they want to.
const list = document.querySelector("[data-inbox]");
if (list && window.EventSource) {
  followEvents(list.dataset.inbox, (event) => {
    const state = JSON.parse(event.data);
    if (state.mark === list.dataset.mark) return;
    list.dataset.mark = state.mark;
    document.getElementById("needed").textContent = state.title;
    const notice = showNotice([["Your list has changed."]], "warn");
    const link = document.createElement("a");
    link.href = list.dataset.again;
    link.className = "button";
    link.textContent = "Show the new list";
    notice.append(link);
  });
}

// One box chooses all that can be decided together.
const all = document.getElementById("pick-all");
if (all) {
  const boxes = [...document.querySelectorAll("input[name=pick]")];
  all.closest("[hidden]").hidden = false;
  const show = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  };
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
  });
  for (const box of boxes) box.addEventListener("change", show);
  show();
}
