# SPDX-License-Identifier: BSD-3-Clause
"""The QEMU command line, built by pure functions from what is to boot and how it is wired."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.machine.ram import RAM_BASE

CONSOLE_NAMES = ("ns", "secure")
"""Consoles of QEMU's ``virt`` machine in the order of its UARTs."""

UARTS = len(CONSOLE_NAMES)
"""Consoles beyond these are virtio consoles: hvc0, hvc1 … of a kernel."""

TAP_FILE = "calls.tap"
"""What the tap writes, in the machine's folder."""

_MIB = 1024 * 1024


class Shape(Protocol):
    """What the machine looks like; ``harness.stack.MachineShape`` is one."""

    @property
    def memory_bytes(self) -> int: ...
    @property
    def cpus(self) -> int: ...
    @property
    def cpu(self) -> str: ...
    @property
    def accel(self) -> str: ...
    @property
    def machine_options(self) -> str: ...
    @property
    def extra_args(self) -> Sequence[str]: ...


class Bootable(Protocol):
    """What boots; ``harness.stack.BuiltStack`` is one."""

    @property
    def name(self) -> str: ...
    @property
    def qemu(self) -> Path: ...
    @property
    def flash(self) -> Path: ...
    @property
    def elfs(self) -> Mapping[str, Path]: ...
    @property
    def maps(self) -> Mapping[str, Path]: ...
    @property
    def machine(self) -> Shape: ...


@dataclass(frozen=True, slots=True)
class TapPlugin:
    """The plugin that records SMCs; ``limit_bytes`` is the most that its file may have, 0 for any.

    Without ``record`` it only lets the guest's YIELD and WFE give the host's core away, which
    it always does.

    ``stack_hash`` is kept in the file. Without ``others`` SMCs of no CCA interface are counted.
    ``instructions`` adds how many each CPU has executed; that costs time in all code.
    """

    plugin: Path
    stack_hash: str = ""
    record: bool = True
    limit_bytes: int = 0
    others: bool = True
    instructions: bool = False


@dataclass(frozen=True, slots=True)
class Wiring:
    """File descriptors that QEMU inherits; ``ram`` is None for anonymous memory.

    ``tap`` is the plugin with the file that it would write; from ``ram_address`` it reads where
    in QEMU anonymous memory is.
    """

    consoles: Mapping[str, int]
    qmp: int
    ram: int | None = None
    tap: tuple[TapPlugin, Path] | None = None
    ram_address: int | None = None


def _common(what: Bootable, memory_backend: bool) -> list[str]:
    shape = what.machine
    options = shape.machine_options + (",memory-backend=ram" if memory_backend else "")
    return [
        *(str(what.qemu), "-nodefaults", "-display", "none", "-monitor", "none"),
        *("-M", options, "-cpu", shape.cpu, "-accel", shape.accel),
        *("-m", f"{shape.memory_bytes // _MIB}M", "-smp", str(shape.cpus)),
        *("-bios", str(what.flash)),
    ]


def qemu_argv(what: Bootable, wiring: Wiring) -> list[str]:
    """Return the command for a machine whose every line is an inherited file descriptor."""
    argv = _common(what, memory_backend=wiring.ram is not None)
    if wiring.ram is not None:
        size, path = what.machine.memory_bytes, f"/proc/self/fd/{wiring.ram}"
        argv += ["-object", f"memory-backend-file,id=ram,size={size},mem-path={path},share=on"]
    for number, (name, fd) in enumerate(wiring.consoles.items()):
        argv += ["-chardev", f"socket,id={name},fd={fd}"]
        if number == UARTS:
            argv += ["-device", "virtio-serial-pci"]
        uart = number < UARTS
        argv += (
            ["-serial", f"chardev:{name}"] if uart else ["-device", f"virtconsole,chardev={name}"]
        )
    argv += ["-chardev", f"socket,id=qmp,fd={wiring.qmp}", "-mon", "chardev=qmp,mode=control"]
    if wiring.tap is not None:
        argv += ["-plugin", _plugin(*wiring.tap, _ram_words(what, wiring))]
    return [*argv, *what.machine.extra_args]


def _ram_words(what: Bootable, wiring: Wiring) -> list[str]:
    """How the plugin gets at the guest's memory."""
    base = f"base={RAM_BASE:#x}"
    if wiring.ram is not None:
        return [f"ram=/proc/self/fd/{wiring.ram}", base]
    if wiring.ram_address is not None:
        size = f"size={what.machine.memory_bytes}"
        return [f"at=/proc/self/fd/{wiring.ram_address}", size, base]
    return []


def _plugin(tap: TapPlugin, out: Path, ram_words: Sequence[str]) -> str:
    """Return the value of ``-plugin``; QEMU takes a doubled comma for one."""
    if not tap.record:
        return ",".join(_escaped([str(tap.plugin), "record=off"]))
    words = [str(tap.plugin), f"out={out.absolute()}", f"stack={tap.stack_hash}"]
    words.append(f"others={'record' if tap.others else 'count'}")
    words += ram_words
    if tap.instructions:
        words.append("count=on")
    if tap.limit_bytes:
        words.append(f"limit={tap.limit_bytes}")
    return ",".join(_escaped(words))


def _escaped(words: Sequence[str]) -> Iterator[str]:
    return (word.replace(",", ",,") for word in words)


def interactive_argv(what: Bootable) -> list[str]:
    """Return the command for the same machine in a terminal: UART0 on stdio, no RAM file."""
    argv = _common(what, memory_backend=False)
    return [*argv, "-serial", "stdio", "-serial", "null", *what.machine.extra_args]


def reproduction_script(what: Bootable, argv: Sequence[str]) -> str:
    """Return a shell script that boots the same thing by hand, for the artefact folder."""
    command = " \\\n  ".join(_pair_up(interactive_argv(what)))
    ran = shlex.join(argv).replace("\n", "\n#   ")
    return (
        "#!/bin/sh\n"
        f"# Boots the stack {what.name!r} as the harness did, with UART0 in this terminal\n"
        "# (end with Ctrl-C). The harness itself ran:\n"
        f"#   {ran}\n"
        f'exec {command} \\\n  "$@"\n'
    )


def _pair_up(argv: Sequence[str]) -> list[str]:
    """Quote arguments and put an option and its value on one line."""
    lines: list[str] = []
    for word in argv:
        if lines and lines[-1].startswith("-") and " " not in lines[-1] and word[:1] != "-":
            lines[-1] += f" {shlex.quote(word)}"
        else:
            lines.append(shlex.quote(word))
    return lines
