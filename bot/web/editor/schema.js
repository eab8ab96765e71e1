// Reads the JSON Schema of workflow files: which keys and values a place can have, and what they mean. Pure.

import { ITEM } from "./place.js";

function resolve(root, schema) {
  let found = schema;
  while (found?.$ref) found = found.$ref.slice(2).split("/").reduce((part, name) => part?.[name], root);
  return found;
}

// Return the simple schemas of which one is made, for a mapping that has these keys already.
function parts(root, schema, beside, seen = new Set()) {
  const found = resolve(root, schema);
  if (!found || typeof found !== "object" || seen.has(found)) return [];
  seen.add(found);
  const under = [...(found.allOf ?? []), ...(found.anyOf ?? []), ...(found.oneOf ?? [])];
  if (found.if) {
    const next = holds(found.if, beside) ? found.then : found.else;
    if (next) under.push(next);
  }
  return [found, ...under.flatMap((one) => parts(root, one, beside, seen))];
}

function holds(condition, beside) {
  const entries = Object.entries(condition.properties ?? {});
  // While the kind of a step is not typed yet, every kind is possible.
  if (entries.length) return entries.every(([name, one]) => !beside[name] || one.const === unquoted(beside[name]));
  return (condition.required ?? []).every((name) => name in beside);
}

function unquoted(text = "") {
  return text.replace(/\s+#.*$/, "").replace(/^(["'])(.*)\1$/, "$2");
}

// Return the schemas of the value at a path. `beside`: the keys of the mapping in which each part of the path stands.
export function schemasAt(root, path, beside, here = {}) {
  let found = [root];
  for (const [index, key] of path.entries()) {
    found = found.flatMap((schema) => parts(root, schema, beside[index] ?? {})).flatMap((part) => below(part, key));
  }
  return found.flatMap((schema) => parts(root, schema, here));
}

function below(part, key) {
  if (key === ITEM) return part.items ? [part.items] : isOpen(part, "array") ? [{}] : [];
  if (part.properties && key in part.properties) return [part.properties[key]];
  if (part.additionalProperties && typeof part.additionalProperties === "object") return [part.additionalProperties];
  return part.additionalProperties === true || isOpen(part, "object") ? [{}] : [];
}

// Return whether a schema says nothing of what is below it: the keys there are the author's own.
function isOpen(part, type) {
  const says = ["properties", "items", "enum", "const", "allOf", "anyOf", "oneOf", "if", "additionalProperties"];
  return says.every((name) => part[name] === undefined) && (part.type === undefined || part.type === type);
}

// Return the keys that can be added to a mapping: each with its schemas.
export function keysAt(root, path, beside, here) {
  const keys = new Map();
  for (const part of schemasAt(root, path, beside, here)) {
    for (const [name, schema] of Object.entries(part.properties ?? {})) {
      if (!(name in here)) keys.set(name, parts(root, schema, {}));
    }
  }
  return keys;
}

// Return the values that are allowed at a path, each with what it means, if the schema says it.
export function valuesAt(root, path, beside) {
  const values = new Map();
  for (const part of schemasAt(root, path, beside)) {
    const named = part.enum ?? (part.const !== undefined ? [part.const] : part.type === "boolean" ? [true, false] : []);
    for (const value of named) if (!values.has(String(value))) values.set(String(value), meaning(root, path, value));
  }
  return values;
}

function meaning(root, path, value) {
  const kind = path.at(-1) === "uses" ? root.$defs?.[`step_${value}`] : undefined;
  return kind?.title?.replace(/^[^:]*: /, "") ?? "";
}

// Return what a key means: its kind of value and its sentence.
export function textOf(schemas) {
  const first = (name) => schemas.map((schema) => schema[name]).find((text) => text !== undefined);
  return { title: first("title") ?? "", text: first("description") ?? "", default: first("default") };
}

// Return whether a value is always a mapping, always a list, or something else.
export function shapeOf(schemas) {
  const types = new Set(schemas.flatMap((schema) => schema.type ?? []));
  if (types.size === 1 && types.has("object")) return "mapping";
  return types.size === 1 && types.has("array") ? "list" : "value";
}
