# SPDX-License-Identifier: BSD-3-Clause
"""Names for a kernel's addresses, from System.map or a copy of /proc/kallsyms."""

from __future__ import annotations

import bisect
import re
from functools import cached_property
from pathlib import Path

_LINE = re.compile(r"^([0-9a-f]{16}) [tTwW] (\S+)(?:\s+\[(\w+)\])?$", re.MULTILINE)
_FARTHEST_BYTES = 1 << 20


class KernelMap:
    """Functions of one kernel and its modules by address, in the file's order of the same."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def _symbols(self) -> tuple[list[int], list[str]]:
        try:
            text = self.path.read_text("ascii", "replace")
        except OSError:
            return [], []
        found = sorted(
            (int(m[1], 16), f"{m[2]} [{m[3]}]" if m[3] else m[2]) for m in _LINE.finditer(text)
        )
        return [address for address, _ in found], [name for _, name in found]

    def describe(self, address: int) -> str | None:
        """Return ``function+offset``, with a module's name; None for what no function holds."""
        addresses, names = self._symbols
        at = bisect.bisect_right(addresses, address) - 1
        if at < 0 or address - addresses[at] >= _FARTHEST_BYTES:
            return None
        name, _, module = names[at].partition(" ")
        return " ".join(filter(None, [f"{name}+{address - addresses[at]:#x}", module]))
