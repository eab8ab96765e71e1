// Builds the editor for the pages: node bot/web/editor/build.mjs FOLDER_OF_NODE_MODULES OUTPUT_FOLDER (make editor)

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [modules, output] = process.argv.slice(2).map((path) => resolve(path));
const { build } = createRequire(join(modules, "x.js"))("esbuild");

const sources = readdirSync(here).filter((name) => /\.(m?js|json)$/.test(name)).sort();
const hash = createHash("sha256");
for (const name of sources) hash.update(`${name}\0`).update(readFileSync(join(here, name))).update("\0");

const built = await build({
  entryPoints: [join(here, "editor.js")],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  nodePaths: [modules],
  metafile: true,
  write: false,
});
const inside = Object.keys(built.metafile.inputs)
  .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
  .filter(Boolean);
const packages = [...new Set(inside)].sort().map((name) => {
  const folder = join(modules, name);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return { name, version, licence: readFileSync(join(folder, "LICENSE"), "utf8").trim() };
});
const banner = `/*! Made by "make editor" from bot/web/editor (${hash.digest("hex").slice(0, 16)}). Licences: workflow-editor.licences.txt */\n`;
writeFileSync(join(output, "workflow-editor.js"), banner + built.outputFiles[0].text);
const texts = packages.map(({ name, version, licence }) => `${name} ${version}\n\n${licence}\n`);
writeFileSync(join(output, "workflow-editor.licences.txt"), `What workflow-editor.js contains:\n\n${texts.join(`\n${"-".repeat(80)}\n\n`)}`);
