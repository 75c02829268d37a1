# SPDX-License-Identifier: BSD-3-Clause
"""``cca boot``: a person's session on a stack, all consoles shown, Ctrl-] ends it.

Input that is not a terminal is taken as a script: ``printf 'version\\n' | cca boot``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from harness.cli.main import add_stack_arguments
from harness.errors import MachineDied

if TYPE_CHECKING:
    from harness.cli.session import Screen, Typist
    from harness.machine import Machine
    from harness.stack import BuiltStack, Stack

HELP = "boot a stack and talk to it: consoles on this terminal, Ctrl-] ends"
_POLL_S = 0.02
_DRAIN_S = 1.0
_COMMAND_TIMEOUT_S = 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's options."""
    add_stack_arguments(parser)
    parser.add_argument("--runs", type=Path, metavar="DIR", help="where the run folder is made")


def run(args: argparse.Namespace) -> int:
    """Boot, connect input and consoles, stop. Raises MachineDied when QEMU fails."""
    from harness.artifacts import RunFolder
    from harness.cli.session import Keyboard, Screen, Script
    from harness.cli.show import make_progress
    from harness.stack import build_stack, load_stack

    if sys.stdin is None:  # closed by whoever started us; its number must not be used again
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    with make_progress() as progress:
        stack = load_stack(args.stack, args.overrides)
        built = build_stack(stack, progress=progress)
    folder = RunFolder.create(args.runs)
    if "kernel" in built.images and not sys.stdin.isatty():
        return _run_on_host(built, folder.path)
    with _signals_unwind(), _launch(built, folder.path) as machine:
        screen = Screen(machine.consoles, sys.stdout.buffer)
        talking = next(iter(machine.consoles.values()))
        typist: Typist = (
            Keyboard(talking, screen.note)
            if sys.stdin.isatty()
            else Script(talking, has_monitor=_has_monitor(stack))
        )
        screen.note(f"{built.name} boots; Ctrl-] ends; transcripts in {machine.folder}")
        with _raw_keyboard():
            try:
                ended = _converse(machine, screen, typist)
            finally:
                _drain(machine)
                screen.finish()
        if alarm := machine.alarms.first:
            screen.note(f"alarm: {alarm}")
        screen.note(ended)
    return 0


def _has_monitor(stack: Stack) -> bool:
    """Whether it is the host of this checkout that boots: another one may keep silent."""
    host = stack.components.get("host")
    return host is not None and host.source.KIND == "in-tree"


def _run_on_host(built: BuiltStack, folder: Path) -> int:
    """Run each line of the input on a Linux host; return the status of the last."""
    from harness.host import Host

    status = 0
    with _signals_unwind(), Host.boot(built, folder) as host:
        for line in sys.stdin:
            result = host.serial.run(line.rstrip("\n"), timeout_s=_COMMAND_TIMEOUT_S)
            print(result.output, end="", flush=True)
            status = result.status
    return status


def _launch(built: BuiltStack, folder: Path) -> Machine:
    """Start the machine; a kernel is put into its memory, with a shell for a person."""
    from harness.host.boot import CONSOLES, prepare_boot
    from harness.machine import Machine

    if "kernel" not in built.images:
        return Machine.launch(built, folder)
    boot = prepare_boot(built, folder, shell="login")
    return Machine.launch(boot, folder, shared_ram=False, consoles=CONSOLES)


def _converse(machine: Machine, screen: Screen, typist: Typist) -> str:
    """Pass input and output on until one side ends; return why."""
    source = sys.stdin.fileno()
    while machine.alive:
        if _readable(source, typist):
            typist.take(_read(source))
        typist.hear(screen.update())
        if typist.ended:
            return typist.ended
    return _machine_ended(machine)


def _readable(source: int, typist: Typist) -> bool:
    """Wait a moment; tell whether there is input that the typist wants."""
    if typist.wants_input:
        return bool(select.select([source], [], [], _POLL_S)[0])
    time.sleep(_POLL_S)
    return False


def _read(source: int) -> bytes:
    """Read input; nothing when it has ended or its terminal is gone."""
    try:
        return os.read(source, 4096)
    except OSError:
        return b""


def _machine_ended(machine: Machine) -> str:
    """Return how QEMU ended by itself; a failure is an error. Raises MachineDied."""
    from harness.machine.process import describe_status

    status = machine.exit_status
    if status == 0:
        return "the machine has switched itself off"
    output = machine.output_tail()
    raise MachineDied(
        f"QEMU is gone: {describe_status(status)}"
        + (f"\nits output:\n{output}" if output else "")
        + f"\ntranscripts: {machine.folder}",
        hint=f"boot the same by hand: {machine.folder / 'qemu.sh'}",
    )


def _drain(machine: Machine) -> None:
    """Let the transcripts take what the consoles still have; then nothing more comes."""
    end_s = time.monotonic() + _DRAIN_S
    while not machine.alive and time.monotonic() < end_s:
        if all(console.closed for console in machine.consoles.values()):
            break
        time.sleep(_POLL_S)
    machine.stop()


@contextlib.contextmanager
def _signals_unwind() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the session as an exception, so that all is undone."""

    def unwind(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, unwind) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _raw_keyboard() -> Iterator[None]:
    """Each key at once and unechoed, where the input is a terminal; restored in any case."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin, termios.TCSADRAIN)
        # Output keeps its newline translation, so that log lines start in the first column.
        mode = termios.tcgetattr(sys.stdin)
        mode[1] |= termios.OPOST
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, mode)
        yield
    finally:
        with contextlib.suppress(termios.error):  # a terminal that is gone needs nothing
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
