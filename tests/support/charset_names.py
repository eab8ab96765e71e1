"""The names of all character sets that Python knows, and of its codecs that are none."""

from __future__ import annotations

import encodings
import pkgutil
from typing import Final

CHARSET_NAMES: Final = sorted(module.name for module in pkgutil.iter_modules(encodings.__path__))
