# SPDX-License-Identifier: BSD-3-Clause
"""A file with type information, whichever kind: raw BTF, ELF with BTF, ELF with DWARF."""

from __future__ import annotations

from pathlib import Path

from harness.layouts.btf import MAGIC, Btf, find_btf
from harness.layouts.dwarf import Dwarf, btf_section
from harness.layouts.layout import LayoutError, Layouts

_ELF = b"\x7fELF"
_RAW = MAGIC.to_bytes(2, "little")


def read_layouts(path: Path) -> Layouts:
    """Open a vmlinux, an object, an arm64 ``Image``, or a copy of ``/sys/kernel/btf/vmlinux``.

    BTF is preferred: it is small. Raises ``LayoutError``.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as problem:
        raise LayoutError(f"{path}: cannot be read: {problem.strerror}") from problem
    if head != _ELF:
        data = path.read_bytes()
        inside = None if head.startswith(_RAW) else find_btf(data)
        return Btf(inside or data, str(path))
    section = btf_section(path)
    return Dwarf(path) if section is None else Btf(section, str(path))
