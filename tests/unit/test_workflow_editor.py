"""The editor of workflow files: what it was built from, and where it finds keys and values in every template."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SOURCES, PAGES = ROOT / "bot" / "web" / "editor", ROOT / "templates" / "pages"
MODULES: Final = ROOT / ".venv" / "editor" / "node_modules"
BUNDLE, LICENCES = "workflow-editor.js", "workflow-editor.licences.txt"
PLACES: Final = """
import { placeAt, tokens } from "./place.js";
import { keysAt, schemasAt, valuesAt } from "./schema.js";
import { readFileSync } from "node:fs";
const { root, texts, marked } = JSON.parse(readFileSync(0, "utf8"));
const unknown = [];
for (const [name, text] of Object.entries(texts)) {
  const lines = text.split("\\n");
  lines.forEach((line, number) => {
    for (let column = 0; column <= line.length; column++) placeAt(lines, number, column);
    const key = tokens(line).at(-1);
    const place = key.key === undefined ? null : placeAt(lines, number, key.column);
    if (!place) return;
    const schemas = schemasAt(root, [...place.path, key.key], [...place.beside, place.here]);
    if (!schemas.length) unknown.push(`${name}:${number + 1}: ${place.path.join(".")} ${key.key}`);
  });
}
const offered = marked.map((text) => {
  const at = text.indexOf("¦");
  const before = text.slice(0, at).split("\\n");
  const place = placeAt((text.slice(0, at) + text.slice(at + 1)).split("\\n"), before.length - 1, before.at(-1).length);
  if (!place) return null;
  const { path, beside, here } = place;
  const found = place.isKey ? keysAt(root, path, beside, here) : valuesAt(root, path, beside);
  return { word: place.word, names: [...found.keys()] };
});
console.log(JSON.stringify({ unknown, offered }));
"""
STEP: Final = "name: a\nsteps:\n  - id: x\n    uses: http\n"
OFFERED: Final[dict[str, tuple[str, str] | None]] = {
    "na¦": ("na", "title"),
    f"{STEP}    on_er¦": ("on_er", "on_error"),
    f"{STEP}    on_error: ¦\n": ("", "continue"),
    f"{STEP}    with:\n      u¦": ("u", "url"),
    f"{STEP}    with:\n      method: P¦": ("P", "PATCH"),
    f"{STEP}    gate: {{approvers: [owner], po¦}}": ("po", "policy"),
    f"{STEP}    gate:\n      policy: {{¦": ("", "quorum"),
    "name: a\nsteps:\n- id: x\n  uses: ¦": ("", "http"),
    "name: a\nsteps:\n- ¦": ("", "uses"),
    "name: a\nsteps:\n- ga¦": ("ga", "gate"),
    "name: a\ninputs:\n  amount: ¦": ("", "money"),
    "name: a\ninputs:\n  amount: {type: mo¦": ("mo", "money"),
    "name: a\n# com¦": None,
    'name: a\ntitle: "na¦': None,
    "name: a\ndescription: |\n  na¦": None,
    f"{STEP}    with: {{url: https://example.com/{{{{ inputs.¦": None,
}


@pytest.fixture
def node() -> str:
    path = shutil.which("node")
    if path is None or shutil.which("npm") is None:
        pytest.skip("this machine has no Node or no npm")
    return path


def test_the_bundle_was_built_from_these_sources() -> None:
    written = hashlib.sha256()
    for path in sorted(path for path in SOURCES.iterdir() if path.suffix in (".js", ".mjs", ".json")):
        written.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    banner = (PAGES / BUNDLE).read_text().partition("\n")[0]
    assert written.hexdigest()[:16] in banner, "Run: make editor"


def test_the_licences_name_every_package_of_the_bundle_with_its_locked_version() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    locked = {path.removeprefix("node_modules/"): package["version"] for path, package in lock.items() if path}
    named = dict(re.findall(r"^(\S+) (\d\S+)$", (PAGES / LICENCES).read_text(), re.MULTILINE))
    assert named.items() <= locked.items()
    assert {"@codemirror/view", "@codemirror/autocomplete", "@lezer/yaml", "style-mod"} <= set(named)


def test_another_build_gives_the_same_bytes(node: str, tmp_path: Path) -> None:
    assert MODULES.is_dir(), "the packages of the editor are not installed: run `make setup`"
    subprocess.run([node, SOURCES / "build.mjs", MODULES, tmp_path], check=True)
    for name in (BUNDLE, LICENCES):
        assert (tmp_path / name).read_bytes() == (PAGES / name).read_bytes(), name


def _places(node: str) -> Any:
    folder = ROOT / "templates" / "workflows"
    texts = {path.name: path.read_text() for path in sorted(folder.glob("*.yaml"))}
    asked = {"root": json.loads((folder / "workflow.schema.json").read_text()), "texts": texts, "marked": [*OFFERED]}
    command = [node, "--input-type=module", "--eval", PLACES.replace("./", f"{SOURCES.as_uri()}/")]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=100)
    return json.loads(done.stdout)


def test_every_key_of_every_template_has_its_place_and_what_fits_is_offered(node: str) -> None:
    found = _places(node)
    assert found["unknown"] == []
    for (text, wanted), offered in zip(OFFERED.items(), found["offered"], strict=True):
        if wanted is None:
            assert offered is None, text
        else:
            assert (offered["word"], wanted[1] in offered["names"]) == (wanted[0], True), (text, offered)
