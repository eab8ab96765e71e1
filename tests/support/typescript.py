"""Compiles TypeScript strictly, with the compiler that `make setup` installs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Final

from tests.support.node import LIBRARIES, node

OPTIONS: Final = {
    "strict": True,
    "target": "es2022",
    "lib": ["es2022", "dom"],
    "module": "nodenext",
    "moduleResolution": "nodenext",
    "types": [],
    "exactOptionalPropertyTypes": True,
    "noFallthroughCasesInSwitch": True,
    "noImplicitOverride": True,
    "noImplicitReturns": True,
    "noPropertyAccessFromIndexSignature": True,
    "noUncheckedIndexedAccess": True,
    "noUnusedLocals": True,
    "noUnusedParameters": True,
    "skipLibCheck": True,
    "outDir": "out",
}


def compile_files(folder: Path, *sources: Path) -> Path:
    """Compile files side by side, and return the folder with the modules. Node finds the libraries from there."""
    program = node()
    folder.joinpath("package.json").write_text('{"type": "module"}')
    folder.joinpath("node_modules").symlink_to(LIBRARIES)
    for source in sources:
        folder.joinpath(source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    settings = {"compilerOptions": OPTIONS, "files": [source.name for source in sources]}
    folder.joinpath("tsconfig.json").write_text(json.dumps(settings))
    compiler = LIBRARIES / "typescript" / "bin" / "tsc"
    done = subprocess.run(
        [program, compiler, "-p", folder], capture_output=True, text=True, timeout=120, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"
