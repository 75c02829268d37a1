# SPDX-License-Identifier: BSD-3-Clause
"""A file with type information, whichever kind: raw BTF, ELF with BTF, ELF with DWARF."""

from __future__ import annotations

from pathlib import Path

from harness.layouts.btf import Btf
from harness.layouts.dwarf import Dwarf, btf_section
from harness.layouts.layout import LayoutError, Layouts

_ELF = b"\x7fELF"


def read_layouts(path: Path) -> Layouts:
    """Open a vmlinux, an object, or a copy of ``/sys/kernel/btf/vmlinux``.

    BTF is preferred: it is small. Raises ``LayoutError``.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as problem:
        raise LayoutError(f"{path}: cannot be read: {problem.strerror}") from problem
    if head != _ELF:
        return Btf(path.read_bytes(), str(path))
    section = btf_section(path)
    return Dwarf(path) if section is None else Btf(section, str(path))
