# SPDX-License-Identifier: BSD-3-Clause
"""The tap's plugin of a stack, asked whether the stack's QEMU takes it."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from harness.stack.build import build_tap
from harness.stack.progress import Progress
from harness.stack.qemu import start_and_quit
from harness.stack.spec import BuiltStack, Stack


def find_plugin(stack: Stack, built: BuiltStack, progress: Progress | None = None) -> Path | str:
    """Build the stack's plugin: its file, or why this stack or its QEMU has none.

    Raises BuildError for one that does not compile, ProvisionError where a compiler is missing.
    """
    if not built.machine.accel.startswith("tcg"):
        return f"plugins need -accel tcg, the stack has {built.machine.accel}"
    plugin = build_tap(stack, progress=progress)
    if plugin is None:
        return f"stack {stack.name} has no component tap"
    return _refusal(built.qemu, plugin) or plugin


def _refusal(qemu: Path, plugin: Path) -> str:
    """Load the plugin into a QEMU that runs nothing; return why it does not load, or ""."""
    with tempfile.TemporaryDirectory() as scratch:
        words = [str(plugin), f"out={scratch}/calls.tap"]
        argument = ",".join(word.replace(",", ",,") for word in words)
        try:
            said = start_and_quit(qemu, ["-M", "none", "-plugin", argument])
        except (OSError, subprocess.TimeoutExpired) as problem:
            return f"{qemu} cannot be asked whether it takes plugins: {problem}"
    return f"{qemu} refuses the plugin: {said}" if said else ""
