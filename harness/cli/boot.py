# SPDX-License-Identifier: BSD-3-Clause
"""``cca boot``: a person's session on a stack, all consoles shown, Ctrl-] ends it."""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.main import add_stack_arguments

if TYPE_CHECKING:
    from harness.console import Console
    from harness.machine import Machine

HELP = "boot a stack and talk to it: consoles on this terminal, Ctrl-] ends"
ESCAPE = b"\x1d"
_POLL_S = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's options."""
    add_stack_arguments(parser)
    parser.add_argument("--runs", type=Path, metavar="DIR", help="where the run folder is made")


def run(args: argparse.Namespace) -> int:
    """Boot, connect keyboard and consoles, stop."""
    from harness.artifacts import RunFolder
    from harness.machine import Machine
    from harness.stack import Progress, build_stack, load_stack

    built = build_stack(load_stack(args.stack, args.overrides), progress=Progress())
    folder = RunFolder.create(args.runs)
    with Machine.launch(built, folder.path) as machine:
        print(f"cca: {built.name} runs; Ctrl-] ends; transcripts in {machine.folder}", flush=True)
        with _raw_keyboard():
            ended = _converse(machine)
        print(f"\ncca: {ended}", flush=True)
    return 0


def _converse(machine: Machine) -> str:
    """Copy bytes both ways until the person, the input or the machine ends it."""
    views = [_View(name, console) for name, console in machine.consoles.items()]
    keyboard = sys.stdin.fileno()
    while True:
        readable = select.select([keyboard], [], [], _POLL_S)[0]
        for view in views:
            view.show()
        if readable:
            typed = os.read(keyboard, 4096)
            before, escape, _ = typed.partition(ESCAPE)
            if before:
                machine.consoles["ns"].send(before)
            if escape:
                return "ended by Ctrl-]"
            if not typed:
                return "end of input"
        if not machine.alive:
            for view in views:
                view.show()
            return f"QEMU ended: status {machine.exit_status}"


class _View:
    """Shows what a console's transcript has gained; other than ``ns``, line by line with name."""

    def __init__(self, name: str, console: Console) -> None:
        self._name = name
        self._path = console.transcript.path
        self._offset = 0
        self._line = b""

    def show(self) -> None:
        """Write what is new to the terminal."""
        with self._path.open("rb") as transcript:
            transcript.seek(self._offset)
            data = transcript.read()
        self._offset += len(data)
        if self._name == "ns":
            _write(data)
            return
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            _write(f"[{self._name}] ".encode() + line.rstrip(b"\r") + b"\r\n")


def _write(data: bytes) -> None:
    if data:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@contextlib.contextmanager
def _raw_keyboard() -> Iterator[None]:
    """Each key at once and unechoed, where the input is a terminal; restored in any case."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin, termios.TCSADRAIN)
    # Output keeps its newline translation, so that log lines start in the first column.
    mode = termios.tcgetattr(sys.stdin)
    mode[1] |= termios.OPOST
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, mode)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
