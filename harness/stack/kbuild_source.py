# SPDX-License-Identifier: BSD-3-Clause
"""The keys of a kernel that is built from a source tree (``source = "kbuild"``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class KbuildSource:
    """A Linux source tree and a configuration; outputs are relative to the build folder.

    ``base`` is a configuration target of the tree (``defconfig``, ``tinyconfig``, …), "" for
    none. ``fragments`` are files with settings, ``config`` single ones; they are put on top
    and must be in force in the end. ``make`` are further words for make.
    """

    KIND: ClassVar[str] = "kbuild"
    OUTPUTS_ARE_FILES: ClassVar[bool] = False
    path: Path
    base: str = "defconfig"
    fragments: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    targets: tuple[str, ...] = ("Image", "vmlinux")
    make: tuple[str, ...] = ()
    arch: str = "arm64"
