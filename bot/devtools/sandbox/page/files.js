// file_input: files are read here and sent to the sandbox as base64.

import { h, newId, replace } from "./dom.js";

async function base64(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

export function fileInput(element, use) {
  const id = newId("input");
  let files = use.held?.files || [];
  const list = h("ul", { class: "files" });
  const many = (element.max_files ?? 10) > 1;
  const show = () => {
    const items = files.map((file) =>
      h(
        "li",
        {},
        h("span", { class: "file-name" }, file.name),
        h("small", {}, `${file.size.toLocaleString("en")} bytes`),
        h("button", { type: "button", class: "plain-button", onclick: () => removeFile(file) }, "Remove", h("span", { class: "visually-hidden" }, ` ${file.name}`)),
      ),
    );
    replace(list, items);
    list.hidden = !files.length;
  };
  const removeFile = async (removed) => {
    files = files.filter((file) => file !== removed);
    show();
    node.querySelector("input").focus();
    await use.changed(files);
  };
  const take = async (event) => {
    const input = event.target;
    // If only one file is allowed, a second one replaces it.
    if (!many && files.length && input.files.length) await use.changed((files = []));
    for (const file of input.files) {
      const answer = await use.upload(file.name, await base64(file));
      if (answer) files = [...files, { name: file.name, size: file.size, id: answer.file }];
    }
    input.value = "";
    files = (await use.reread())?.files || files;
    show();
  };
  const accept = (element.filetypes || []).map((type) => `.${type}`).join(",");
  const node = h(
    "div",
    { class: "file-input" },
    h("input", {
      id, type: "file", multiple: many, accept: accept || null, "data-focus": use.focus,
      "aria-describedby": use.described || null, onchange: take,
    }),
    list,
  );
  show();
  return { node, id };
}
