# SPDX-License-Identifier: BSD-3-Clause
"""The folder of one boot: nobody else's, with a script that boots the same by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.machine.argv import Bootable, reproduction_script

_SCRIPT = "qemu.sh"


def new_folder(run_dir: Path, name: str) -> Path:
    """Make a folder for one boot; a second one of the same name gets ``.2``, ``.3``, ..."""
    number = 1
    while True:
        folder = run_dir / (name if number == 1 else f"{name}.{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder


def script_of(folder: Path) -> Path:
    """Where the script of a boot lies."""
    return folder / _SCRIPT


def write_script(folder: Path, what: Bootable, command: Sequence[str]) -> None:
    """Write the script that boots ``what`` by hand; ``command`` is what the harness runs."""
    script = script_of(folder)
    script.write_text(reproduction_script(what, command))
    script.chmod(0o755)
