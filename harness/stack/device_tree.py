# SPDX-License-Identifier: BSD-3-Clause
"""The device tree of a stack's machine, as QEMU makes it, for kernels that are preloaded."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from harness.errors import StackError
from harness.stack.components import BuildContext, BuiltComponent
from harness.stack.hashing import digest
from harness.stack.spec import MachineShape

_TIMEOUT_S = 20.0
_MIB = 1 << 20


def dump_device_tree(qemu: BuiltComponent, shape: MachineShape, context: BuildContext) -> Path:
    """Return the tree's file. Raises StackError."""
    key = digest(
        "device-tree", qemu.hash, shape.machine_options, shape.cpu, shape.cpus, shape.memory_bytes
    )

    def fill(work: Path) -> Mapping[str, str]:
        file = work / "machine.dtb"
        options = f"{shape.machine_options},dumpdtb={str(file).replace(',', ',,')}"
        argv = [str(qemu.outputs["program"]), "-M", options, "-cpu", shape.cpu]
        argv += ["-m", f"{shape.memory_bytes // _MIB}M", "-smp", str(shape.cpus)]
        argv += ["-nodefaults", "-display", "none"]
        try:
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
            )
            said = done.stderr.strip()
        except (OSError, subprocess.TimeoutExpired) as error:
            said = str(error)
        if not file.is_file():
            raise StackError(
                f"[qemu]: {argv[0]} wrote no device tree: {said}",
                hint="it is asked with -M …,dumpdtb=FILE and the machine of the stack",
            )
        return {"dtb": file.name}

    return context.obtain(key, "device tree", fill).outputs["dtb"]
