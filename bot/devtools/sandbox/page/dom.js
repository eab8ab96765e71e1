// Builds nodes. Texts always become text nodes: data is never parsed as HTML.

/** An element. `props`: attributes; names like `onclick` are listeners; false and null are omitted. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "data") Object.assign(node.dataset, value);
    else if (["value", "checked", "selected", "indeterminate"].includes(name)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  append(node, children);
  return node;
}

export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

/** Show these children and no others. */
export function replace(node, ...children) {
  node.replaceChildren();
  return append(node, children);
}

let counter = 0;
export const newId = (prefix = "id") => `${prefix}-${++counter}`;

/**
 * Make the children of `list` those of `wanted`, an array of {key, stamp, make}. Nodes with an unchanged key and stamp stay,
 * with their focus and the text that is typed in them.
 */
export function reconcile(list, wanted) {
  const before = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const focused = focusPath(list);
  const nodes = wanted.map(({ key, stamp, make }) => {
    const old = before.get(key);
    if (old && old.dataset.stamp === stamp) return old;
    const node = make();
    node.dataset.key = key;
    node.dataset.stamp = stamp;
    if (old) node.classList.add("changed");
    return node;
  });
  nodes.forEach((node, index) => {
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] || null);
  });
  while (list.children.length > nodes.length) list.lastElementChild.remove();
  restoreFocus(list, focused);
}

/** The focus inside a node: the data-focus of the focused element, and the key of the item around it. */
export function focusPath(root) {
  const active = document.activeElement;
  if (!active || active === root || !root.contains(active)) return null;
  return { name: active.dataset.focus, key: active.closest("[data-key]")?.dataset.key };
}

/** Restore the focus after nodes were replaced; if its element is gone, focus the item around it. */
export function restoreFocus(root, path) {
  if (!path || root.contains(document.activeElement)) return;
  const items = path.key === undefined ? [] : [...root.querySelectorAll("[data-key]")];
  const item = items.find((child) => child.dataset.key === path.key) || root;
  const same = [...item.querySelectorAll("[data-focus]")].find((element) => element.dataset.focus === path.name);
  const target = same || (item === root ? null : item);
  if (!target) return;
  if (!same) target.tabIndex = -1;
  target.focus({ preventScroll: true });
}

/** Announce a text to screen readers. */
export function speak(sentence) {
  document.getElementById("spoken").textContent = sentence;
}
