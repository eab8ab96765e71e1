// Puts an editor over the text of a workflow file: completion and help by the JSON Schema, and the errors of
// `signoff check` while it is typed. The text field stays the field of the form, and works without this.

import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, linter } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import {
  EditorView,
  highlightActiveLine,
  highlightSpecialChars,
  hoverTooltip,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";

import { placeAt, tokens } from "./place.js";
import { keysAt, schemasAt, shapeOf, textOf, valuesAt } from "./schema.js";

const SAVE_AFTER = 300; // milliseconds without typing, after which the text field has the text
const CHECK_AFTER = 500; // milliseconds without typing, after which the text is checked

const colours = HighlightStyle.define([
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string), tags.content], color: "var(--ink)" },
  { tag: [tags.bool, tags.number, tags.keyword], color: "var(--warn)" },
  { tag: [tags.punctuation, tags.separator, tags.meta], color: "var(--soft)" },
]);

const look = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--sheet)", fontSize: "0.875rem", maxHeight: "70vh", minHeight: "16rem" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "ui-monospace, monospace", lineHeight: "1.6", overflow: "auto" },
  ".cm-content": { caretColor: "var(--ink)", paddingBlock: "0.5rem" },
  ".cm-gutters": { backgroundColor: "var(--paper)", color: "var(--soft)", borderInlineEnd: "1px solid var(--line)" },
  ".cm-activeLine": { backgroundColor: "transparent", boxShadow: "inset 2px 0 var(--accent)" },
  ".cm-selectionBackground, ::selection": { backgroundColor: "var(--accent-soft)" },
  ".cm-selectionMatch": { backgroundColor: "var(--warn-back)" },
  ".cm-searchMatch": { backgroundColor: "var(--warn-back)", outline: "1px solid var(--warn)" },
  ".cm-searchMatch-selected": { backgroundColor: "var(--accent-soft)", outline: "2px solid var(--accent)" },
  ".cm-matchingBracket": { backgroundColor: "var(--accent-soft)" },
  ".cm-specialChar": { color: "var(--bad)", backgroundColor: "var(--bad-back)", borderRadius: "3px", paddingInline: "2px" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "3px" },
  ".cm-lintPoint-error::after": { borderBottomColor: "var(--bad)" },
  ".cm-lint-marker-error": { content: "none", width: "0.7em", height: "0.7em", borderRadius: "50%", backgroundColor: "var(--bad)" },
  ".cm-diagnostic": { color: "var(--ink)", borderInlineStart: "3px solid var(--bad)", whiteSpace: "pre-wrap" },
  ".cm-tooltip": {
    color: "var(--ink)",
    backgroundColor: "var(--sheet)",
    border: "1px solid var(--edge)",
    borderRadius: "6px",
    maxWidth: "min(32rem, 92vw)",
    fontFamily: "system-ui, sans-serif",
    overflowWrap: "anywhere",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "ui-monospace, monospace", maxHeight: "16em" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { paddingBlock: "4px", paddingInline: "8px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--accent-ink)" },
  ".cm-completionDetail": { color: "inherit", opacity: "0.8", fontStyle: "normal", fontFamily: "system-ui, sans-serif" },
  ".cm-completionInfo, .cm-tooltip .help": { padding: "8px 10px" },
  ".cm-panels": { color: "var(--ink)", backgroundColor: "var(--paper)", borderColor: "var(--line)" },
  ".cm-panel.cm-search": { padding: "8px", fontFamily: "system-ui, sans-serif" },
  ".cm-panel.cm-panel-lint ul [aria-selected]": { backgroundColor: "var(--accent-soft)" },
  ".cm-textfield": { color: "var(--ink)", backgroundColor: "var(--sheet)", border: "1px solid var(--edge)", borderRadius: "6px", fontSize: "1rem" },
  ".cm-button": { color: "var(--ink)", backgroundImage: "none", backgroundColor: "var(--sheet)", border: "1px solid var(--edge)", borderRadius: "6px" },
});

// -- what cannot be seen --------------------------------------------------------------------------------------

const NAMES = { 0x200b: "zero width space", 0x200e: "left-to-right mark", 0x200f: "right-to-left mark", 0xfeff: "byte order mark" };
const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3164\ufeff\ufff9-\ufffc]|\udb40[\udc00-\udc7f]/g;

function showUnseen(code) {
  const shown = document.createElement("span");
  const written = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  shown.className = "cm-specialChar";
  shown.textContent = `‹${written}›`;
  shown.title = NAMES[code] ?? "a character that cannot be seen";
  shown.setAttribute("aria-label", `${shown.title}, ${written}`);
  return shown;
}

// -- the schema -----------------------------------------------------------------------------------------------

let schema = null;

function linesOf(doc) {
  return doc.toString().split("\n");
}

function option(name, schemas, apply, boost) {
  const { title, text, default: byDefault } = textOf(schemas);
  const without = byDefault === undefined ? "" : ` Without it: ${JSON.stringify(byDefault)}.`;
  return { label: name, type: "property", detail: title, info: text || without ? `${text}${without}` : undefined, apply, boost };
}

function written(name, schemas, place) {
  if (place.isFlow) return `${name}: `;
  const under = `\n${" ".repeat(place.indent + 2)}`;
  const shape = shapeOf(schemas);
  return shape === "mapping" ? `${name}:${under}` : shape === "list" ? `${name}:${under}- ` : `${name}: `;
}

function complete(context) {
  if (schema === null) return null;
  const line = context.state.doc.lineAt(context.pos);
  const place = placeAt(linesOf(context.state.doc), line.number - 1, context.pos - line.from);
  if (!place || (!place.word && !context.explicit && place.isKey && !/^\s*-?\s+$/.test(line.text))) return null;
  const options = [];
  if (place.isKey) {
    let boost = 99;
    for (const [name, schemas] of keysAt(schema, place.path, place.beside, place.here)) {
      options.push(option(name, schemas, written(name, schemas, place), boost--));
    }
  }
  if (!place.isKey || place.maybeValue) {
    let boost = 99;
    for (const [value, text] of valuesAt(schema, place.path, place.beside)) {
      options.push({ label: value, type: "constant", detail: text, boost: boost-- });
    }
  }
  // What is complete already needs no offer: the Enter key then begins the next line.
  if (!context.explicit && options.some(({ label }) => label === place.word)) return null;
  return options.length ? { from: line.from + place.from, options, validFor: /^[\w-]*$/ } : null;
}

const help = hoverTooltip((view, position) => {
  const line = view.state.doc.lineAt(position);
  const key = tokens(line.text).at(-1);
  if (schema === null || key.key === undefined) return null;
  const [from, to] = [line.from + key.column, line.from + key.end];
  if (position < from || position > to) return null;
  const place = placeAt(linesOf(view.state.doc), line.number - 1, key.column);
  if (!place) return null;
  const schemas = schemasAt(schema, [...place.path, key.key], [...place.beside, place.here]);
  const { title, text } = textOf(schemas);
  if (!title && !text) return null;
  return {
    pos: from,
    end: to,
    create: () => {
      const dom = document.createElement("div");
      dom.className = "help";
      dom.textContent = text ? `${text}${title ? ` It is ${title}.` : ""}` : title;
      return { dom };
    },
  };
});

// -- errors ---------------------------------------------------------------------------------------------------

let asked = null;

async function problemsOf(text, field) {
  asked?.abort();
  asked = new AbortController();
  const form = new FormData();
  form.append("source", text);
  form.append("name", field.dataset.name ?? "");
  const answer = await fetch(field.dataset.check, { method: "POST", body: form, signal: asked.signal });
  if (!answer.ok) throw new Error(String(answer.status));
  return (await answer.json()).problems;
}

function marked(doc, problem) {
  const line = doc.line(Math.min(Math.max(problem.line, 1), doc.lines));
  const from = Math.min(line.from + Math.max(problem.column, 1) - 1, line.to);
  const word = /^("[^"]*"|'[^']*'|[^\s:,{}[\]]+)/.exec(line.text.slice(from - line.from));
  const to = word ? from + word[0].length : line.to;
  return { from, to, severity: "error", message: problem.text };
}

function counted(problems) {
  if (problems.length === 0) return "Checked while you type: no problems.";
  const first = `Line ${problems[0].line}: ${problems[0].text}`;
  return problems.length === 1 ? first : `${problems.length} problems. ${first}`;
}

function checks(field, state) {
  const say = (text, isWrong) => {
    if (state.textContent !== text) state.textContent = text;
    state.classList.toggle("error", isWrong);
  };
  return linter(
    async (view) => {
      const doc = view.state.doc;
      try {
        const problems = await problemsOf(doc.toString(), field);
        if (view.state.doc === doc) say(counted(problems), problems.length > 0);
        return problems.map((problem) => marked(doc, problem));
      } catch (error) {
        if (error.name !== "AbortError") say("The text cannot be checked while you type at the moment. Press “Check and compare”.", true);
        return [];
      }
    },
    { delay: CHECK_AFTER },
  );
}

// -- the editor -----------------------------------------------------------------------------------------------

function open(field) {
  const label = document.querySelector(`label[for="${field.id}"]`);
  const place = document.createElement("div");
  place.className = "editor";
  const state = document.createElement("p");
  state.className = "hint";
  state.setAttribute("role", "status");
  const shadow = place.attachShadow({ mode: "open" });
  const save = () => {
    field.value = view.state.doc.toString();
  };
  let timer = 0;
  const view = new EditorView({
    root: shadow,
    parent: shadow,
    state: EditorState.create({
      doc: field.value,
      extensions: [
        lineNumbers(),
        lintGutter(),
        history(),
        highlightSpecialChars({ render: showUnseen, specialChars: UNSEEN }),
        indentOnInput(),
        indentUnit.of("  "),
        bracketMatching(),
        highlightActiveLine(),
        highlightSelectionMatches(),
        search({ top: true }),
        yaml(),
        syntaxHighlighting(colours),
        autocompletion({ override: [complete], icons: false, interactionDelay: 0 }),
        help,
        checks(field, state),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({
          "aria-label": label?.textContent ?? "",
          "aria-multiline": "true",
          spellcheck: "false",
          autocapitalize: "off",
          tabindex: "0",
          dir: "ltr",
        }),
        // Tab leaves the editor, as it leaves any other field.
        keymap.of([...completionKeymap, ...searchKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap]),
        look,
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          clearTimeout(timer);
          timer = setTimeout(save, SAVE_AFTER);
        }),
      ],
    }),
  });
  field.hidden = true;
  field.after(place, state);
  label?.addEventListener("click", () => view.focus());
  field.form?.addEventListener("submit", save, { capture: true });
  addEventListener("pagehide", save);
  // A page that the browser restores has the text in its field.
  addEventListener("pageshow", (event) => {
    if (event.persisted || field.value === view.state.doc.toString()) return;
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: field.value } });
  });
  document.querySelector("[data-editor-help]")?.removeAttribute("hidden");
  fetch(field.dataset.schema)
    .then((answer) => (answer.ok ? answer.json() : null))
    .then((read) => {
      schema = read;
    })
    .catch(() => {});
  return view;
}

// Style sheets of a script need no exception in our policy only where they can be adopted.
for (const field of document.querySelectorAll("textarea[data-editor]")) {
  if ("adoptedStyleSheets" in document) open(field);
}
