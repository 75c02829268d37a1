# SPDX-License-Identifier: BSD-3-Clause
"""Which files name the addresses of a machine's firmware and normal world."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from harness.elf import ElfFile, Symboliser
from harness.errors import HarnessError
from harness.machine.ram import RAM_BASE

_RMM_RUN_ADDRESS = RAM_BASE + 0x10_0000


def symboliser(elfs: Mapping[str, Path]) -> Symboliser:
    """Names out of a stack's ELF files; a realm has an address space of its own."""
    # TF-A's own test payload lies where the RMM does, if that replaced it.
    left_out = {"realm", "trp"} if "rmm" in elfs else {"realm"}
    files = {name: path for name, path in elfs.items() if name not in left_out}
    return Symboliser(files, _biases(files))


def _biases(files: Mapping[str, Path]) -> dict[str, int]:
    """An RMM that is linked at zero runs where TF-A loads it."""
    with contextlib.suppress(HarnessError):
        if "rmm" in files and ElfFile(files["rmm"]).code_range[0] == 0:
            return {"rmm": _RMM_RUN_ADDRESS}
    return {}
