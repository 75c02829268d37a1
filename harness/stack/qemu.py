# SPDX-License-Identifier: BSD-3-Clause
"""Finds the QEMU of a stack and makes sure that it can be the machine: version, RME, options."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.errors import ProvisionError, StackError
from harness.provision.requirements import (
    VERSION_TIMEOUT_S,
    program_version,
    program_version_line,
)
from harness.stack.components import BuildContext, BuiltComponent, build_component
from harness.stack.hashing import digest, identity, write_quietly
from harness.stack.spec import Component, DebianSource, MachineShape, PrebuiltSource

PROBE_TIMEOUT_S = 20.0
_RME_MIN_VERSION = (10, 0)
_GOODBYE = '{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n'


def resolve_qemu(
    component: Component, machine: MachineShape, context: BuildContext
) -> BuiltComponent:
    """Return QEMU's program, probed. Raises StackError or ProvisionError."""
    program, content = _find(component, context)
    key = digest("qemu", str(program), identity(program), machine.cpu, machine.machine_options)
    memo = context.cache.root / "memo" / f"qemu-{key}"
    version = ""
    with contextlib.suppress(OSError):
        version = memo.read_text()
    if not version:
        version = probe(program, machine, component.source)
        write_quietly(memo, version)
    return BuiltComponent({"program": program}, version, digest("qemu", version, content))


def _find(component: Component, context: BuildContext) -> tuple[Path, str]:
    """Return the program and what tells it from another build of itself."""
    name = component.outputs["program"]
    if not isinstance(component.source, DebianSource | PrebuiltSource):
        built = build_component(component, context)
        return built.outputs["program"], built.hash
    found = shutil.which(name)
    if found is None:
        if isinstance(component.source, PrebuiltSource):
            raise StackError(
                f"[qemu] program: {name} is not an executable file",
                hint="check --set qemu.program=… or the stack file",
            )
        package = component.source.package
        raise ProvisionError(
            f"[qemu]: {name} is not on PATH",
            hint=f"scripts/regress installs it (package {package}), or --set qemu.program=FILE",
        )
    path = Path(found).absolute()
    return path, identity(path)


def probe(program: Path, machine: MachineShape, source: object) -> str:
    """Return QEMU's version line once it has made the stack's machine. Raises StackError."""
    line = program_version_line(str(program))
    version = program_version(str(program))
    shown = ".".join(map(str, version))
    if not version:
        raise StackError(
            f"[qemu]: {program} --version prints no version within {VERSION_TIMEOUT_S:g} s",
            hint="is it a QEMU system emulator?",
        )
    if "qemu" not in line.lower():
        raise StackError(
            f"[qemu]: {program} is no QEMU: --version says {line!r}",
            hint="give the path of qemu-system-aarch64",
        )
    wanted = _minimum(machine, source)
    if version < wanted:
        raise StackError(
            f"[qemu]: {program} is version {shown}, at least {'.'.join(map(str, wanted))}"
            " is needed (Realm Management Extension)",
            hint="scripts/regress installs a newer one from the distribution's mirror,"
            " or --set qemu.program=FILE",
        )
    _make_machine(program, machine)
    return line


def _minimum(machine: MachineShape, source: object) -> tuple[int, ...]:
    wanted: tuple[int, ...] = ()
    if isinstance(source, DebianSource) and source.min_version:
        wanted = tuple(int(part) for part in source.min_version.split("."))
    return max(wanted, _RME_MIN_VERSION) if "x-rme=on" in machine.cpu else wanted


def start_and_quit(program: Path, words: Sequence[str]) -> str:
    """Start a QEMU and let it quit at once: "" if it does, else what it said.

    Raises OSError or subprocess.TimeoutExpired.
    """
    done = subprocess.run(
        [str(program), *words, "-nodefaults", "-display", "none", "-qmp", "stdio"],
        input=_GOODBYE,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PROBE_TIMEOUT_S,
        check=False,
    )
    return (done.stderr.strip() or f"exit status {done.returncode}") if done.returncode else ""


def _make_machine(program: Path, machine: MachineShape) -> None:
    """Start the machine, stopped, and let it quit at once. Raises StackError."""
    words = ["-M", machine.machine_options, "-cpu", machine.cpu, "-m", "512M", "-S"]
    try:
        said = start_and_quit(program, words)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StackError(f"[qemu]: {program} did not start and quit: {error}") from error
    if said:
        raise StackError(
            f"[qemu]: {program} cannot make the machine: {said}",
            hint=f"cpu {machine.cpu!r} and options {machine.machine_options!r} of [machine];"
            " x-rme needs QEMU 10 or newer",
        )
