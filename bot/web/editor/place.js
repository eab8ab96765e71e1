// Finds the place in a YAML file at which something is typed: the keys above it, and what stands beside it. Pure.
//
// The file is incomplete while it is typed, so this reads indentation instead of a syntax tree.

const KEY = /^("[^"]*"|'[^']*'|[^\s#{}[\],&*!|>'"%@`][^#{}[\],]*?)\s*:(?=\s|$)/;
const BLOCK_TEXT = /^[|>][-+0-9]*\s*(#.*)?$/;
export const ITEM = "[]";

// Return the marks and the key of a line, each with its column, from left to right.
export function tokens(line) {
  const found = [];
  let at = line.length - line.trimStart().length;
  while (/^-(\s|$)/.test(line.slice(at))) {
    found.push({ column: at, item: true });
    const rest = line.slice(at + 1);
    at += 1 + rest.length - rest.trimStart().length;
  }
  const key = KEY.exec(line.slice(at));
  if (key) {
    const end = at + key[0].length;
    const after = line.slice(end);
    const start = end + after.length - after.trimStart().length;
    found.push({ column: at, key: unquoted(key[1]), end, start, value: after.trim() });
  } else {
    found.push({ column: at, start: at, text: line.slice(at) });
  }
  return found;
}

function unquoted(text) {
  return /^(["']).*\1$/.test(text) ? text.slice(1, -1) : text;
}

function isBlank(line) {
  return /^\s*(#|$)/.test(line);
}

// Return the place of a column of a line, or null inside of a text or a comment.
//
// `path`: keys, and ITEM for an entry of a list; `beside`: for each mapping on the way, and for the innermost, its keys
// with their texts; `isKey`: a key is typed, not a value; `word`: what is typed; `from`: the column where it begins.
export function placeAt(lines, number, column) {
  const line = lines[number].slice(0, column);
  if (/(^|\s)#/.test(line.replace(/"[^"]*"|'[^']*'/g, ""))) return null;
  const own = tokens(line);
  const last = own.at(-1);
  const levels = [];
  let inside;
  if (last.key !== undefined) {
    inside = flow(line, last.start, false);
    if (!inside) return null;
    levels.unshift({ key: last.key, column: last.column, line: number });
  } else {
    inside = flow(line, last.start, true);
    if (!inside) return null;
    const isItem = own.length > 1;
    if (!inside.path.length && isItem) inside.maybeValue = true;
  }
  const above = climb(lines, number, own, last.column);
  if (above === null) return null;
  const path = [...above, ...levels, ...inside.path];
  // What is typed as a key stands in the mapping around it; a value stands at its own key.
  return {
    path: path.map((level) => level.key),
    beside: [
      ...[...above, ...levels].map((level) => besideOf(lines, level)),
      ...inside.path.map((level) => level.beside ?? {}),
    ],
    here: inside.path.length ? inside.beside : last.key === undefined ? keysOf(lines, number, last.column) : {},
    isKey: inside.isKey,
    isFlow: inside.isFlow,
    maybeValue: Boolean(inside.maybeValue),
    word: inside.word,
    from: inside.from,
    indent: last.column,
  };
}

function besideOf(lines, level) {
  return level.key === ITEM ? {} : keysOf(lines, level.line, level.column);
}

// Return the keys above a column, from the outside to the inside, or null if it is inside of a text of several lines.
function climb(lines, number, own, start) {
  const path = [];
  let column = start;
  let isList = false;
  const read = (marks, at) => {
    for (let index = marks.length - 1; index >= 0; index--) {
      const mark = marks[index];
      if (mark.item) {
        const next = marks[index + 1];
        if (!isList && next && next.column === column) {
          path.unshift({ key: ITEM, column: mark.column, line: at });
          [column, isList] = [mark.column, true];
        }
      } else if (mark.key !== undefined && (isList ? mark.column <= column : mark.column < column)) {
        if (BLOCK_TEXT.test(mark.value)) return false;
        path.unshift({ key: mark.key, column: mark.column, line: at });
        [column, isList] = [mark.column, false];
      }
    }
    return true;
  };
  if (!read(own.slice(0, -1).concat({ column: start, text: "" }), number)) return null;
  for (let at = number - 1; at >= 0 && (column > 0 || isList); at--) {
    if (isBlank(lines[at])) continue;
    if (!read(tokens(lines[at]), at)) return null;
  }
  return path;
}

// Return the keys of the mapping whose keys stand in this column, around this line, with their texts.
export function keysOf(lines, number, column) {
  const keys = {};
  const read = (at) => {
    const marks = tokens(lines[at]);
    const key = marks.find((mark) => mark.column === column && mark.key !== undefined);
    if (key) keys[key.key] ??= key.value;
    // A mark before the column begins another entry of a list.
    return { isOutside: marks.at(-1).column < column, begins: marks.some((mark) => mark.item && mark.column < column) };
  };
  for (let at = number; at >= 0; at--) {
    if (isBlank(lines[at])) continue;
    const { isOutside, begins } = read(at);
    if ((isOutside && at !== number) || begins) break;
  }
  for (let at = number + 1; at < lines.length; at++) {
    if (isBlank(lines[at])) continue;
    const marks = tokens(lines[at]);
    if (marks[0].column < column) break;
    read(at);
  }
  return keys;
}

// Read braces and brackets up to the end of a line. Return null inside of a quoted text or an expression.
function flow(line, start, isKey) {
  const open = [];
  let word = start;
  let key = isKey;
  for (let at = start; at < line.length; at++) {
    const sign = line[at];
    const top = open.at(-1);
    if ((sign === '"' || sign === "'") && line.slice(word, at).trim() === "") {
      const end = line.indexOf(sign, at + 1);
      if (end < 0) return null;
      at = end;
    } else if (sign === "{" && line[at + 1] === "{") {
      const end = line.indexOf("}}", at);
      if (end < 0) return null;
      at = end + 1;
    } else if ((sign === "{" || sign === "[") && (top || line.slice(word, at).trim() === "")) {
      open.push({ isMap: sign === "{", beside: {} });
      [word, key] = [at + 1, sign === "{"];
    } else if (top && (sign === "}" || sign === "]")) {
      open.pop();
      [word, key] = [at + 1, false];
    } else if (top && sign === ",") {
      if (top.isMap && !key) top.beside[top.key] = line.slice(top.value, at).trim();
      [word, key] = [at + 1, top.isMap];
    } else if (top?.isMap && key && sign === ":" && /\s|^$/.test(line[at + 1] ?? "")) {
      top.key = unquoted(line.slice(word, at).trim());
      top.value = at + 1;
      [word, key] = [at + 1, false];
    }
  }
  const typed = line.slice(word);
  const from = word + typed.length - typed.trimStart().length;
  const path = [];
  for (const [index, level] of open.entries()) {
    const isLast = index === open.length - 1;
    if (!level.isMap) path.push({ key: ITEM });
    else if (!isLast || !key) path.push({ key: level.key, beside: level.beside });
  }
  const innermost = open.at(-1);
  return {
    path,
    beside: innermost?.isMap ? innermost.beside : {},
    isKey: key,
    isFlow: open.length > 0,
    word: line.slice(from),
    from,
  };
}
