# SPDX-License-Identifier: BSD-3-Clause
"""Names for the addresses of what runs in a realm: the payload, or a guest kernel.

A realm's addresses are its own: the payload lies where BL1 does, a guest kernel where the
host's does. Whoever asks must know that an address is a realm's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.elf import ElfFormatError, Symboliser
from harness.machine.kernel_map import KernelMap

_REALM = "realm"
_SHOWN = 12

_PLACE = re.compile(r"([A-Za-z_][\w.$]*)\+(0x[0-9a-f]+)/0x[0-9a-f]+\b(?! \[)")
"""As a kernel writes places: ``pc : do_work+0x24/0x30``, behind it [module] if not its own."""

_RAW = re.compile(r"\belr (0x[0-9a-f]+)|\b0x([0-9a-f]{8,16})\b|\b([0-9a-f]{16})\b")
"""What realm-run says of the payload, and numbers as long as a program's addresses."""

_PC, _TRACE = "pc : ", "Call trace:"
_OFFSET = re.compile(r"Kernel Offset: (0x[0-9a-f]+) from ")


class RealmNames:
    """Names out of the ELF file and the System.map of the stack's component ``realm``."""

    def __init__(self, elfs: Mapping[str, Path], maps: Mapping[str, Path]) -> None:
        self._elf = Symboliser({_REALM: elfs[_REALM]} if _REALM in elfs else {})
        self._map = KernelMap(maps[_REALM]) if _REALM in maps else None

    def symbolise(self, address: int, offset: int = 0) -> str:
        """Return ``0x... realm: function+offset source:line``, or the bare number.

        ``offset`` is how far a kernel moved itself. Never raises.
        """
        _, _, named = self._elf.symbolise(address - offset).partition(" ")
        if not named and self._map is not None and (found := self._map.describe(address - offset)):
            named = f"{_REALM}: {found}"
        return f"{address:#x} {named}".rstrip()

    def in_text(self, text: str) -> list[str]:
        """Names for the latest crash report's places, then for its addresses, the latest first."""
        moved = _OFFSET.findall(text)
        offset = int(moved[-1], 16) if moved else 0
        latest = _latest_report(text)
        places = (self.symbolise(at + offset, offset) for at in self._places(latest))
        numbers = ("".join(groups) for groups in reversed(_RAW.findall(latest)))
        raw = (self.symbolise(int(number, 16), offset) for number in numbers)
        names = [named for named in (*places, *raw) if "+" in named]
        return list(dict.fromkeys(names))[:_SHOWN]

    def _places(self, text: str) -> Iterator[int]:
        """Linked addresses; a name that several functions have stands for none of them."""
        for name, offset in _PLACE.findall(text):
            if (start := self._only(name)) is not None:
                yield start + int(offset, 16)

    def _only(self, name: str) -> int | None:
        try:
            found = self._elf.file(_REALM).symbols(name)
        except ElfFormatError:
            return None
        return found[0].address if len(found) == 1 else None


def _latest_report(text: str) -> str:
    """From the place or the call trace of a kernel's last report on; all of any other text."""
    before, mark, rest = text.rpartition(_TRACE)
    _, pc, registers = before.rpartition(_TRACE)[2].rpartition(_PC)
    return "".join([pc, registers if pc else "", mark, rest])
