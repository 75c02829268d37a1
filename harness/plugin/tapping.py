# SPDX-License-Identifier: BSD-3-Clause
"""The tap in a session: its options, the fixture ``tap``, the comparison with the link's calls."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from harness.errors import HarnessError, ProvisionError, StackError
from harness.link import Link
from harness.link.base import LoggedCall
from harness.link.protocol import OP_PROGRAM, OP_SMC, STATUS_OK
from harness.machine import TapPlugin
from harness.stack import BuiltStack, Stack
from harness.stack.tap_plugin import find_plugin
from harness.tap import CallBook, Comparison, Tap, compare

DEFAULT_LIMIT_MIB = 1024
OFF = "--no-tap"


class TapDiffers(HarnessError):
    """The tap saw other calls than the harness made."""


def add_tap_options(group: pytest.OptionGroup) -> None:
    """Add what chooses whether SMCs are recorded, and how many."""
    group.addoption(
        "--tap",
        dest="cca_tap",
        action="store_true",
        default=None,
        help="record every SMC (default: where the stack has a tap and it can be built)",
    )
    group.addoption("--no-tap", dest="cca_tap", action="store_false", help="record no SMCs")
    group.addoption(
        "--tap-limit",
        dest="cca_tap_limit",
        type=_limit_mib,
        default=DEFAULT_LIMIT_MIB,
        metavar="MIB",
        help="most that one machine's recording may have (default: %(default)s; 0: no limit)",
    )
    group.addoption(
        "--tap-check",
        dest="cca_tap_check",
        action="store_true",
        help="after each test, compare what the tap saw with the calls that the harness made",
    )
    group.addoption(
        "--no-rules",
        dest="cca_rules",
        action="store_false",
        default=True,
        help="do not judge what the tap saw by the model and the rules",
    )


def _limit_mib(text: str) -> int:
    """Option type: a number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 on")
    return int(text)


def choose_tap(
    config: pytest.Config, stack: Stack, built: BuiltStack
) -> tuple[TapPlugin | None, str]:
    """The plugin of a session and, unless it records, the reason; None where it cannot be had.

    Raises StackError, BuildError or ProvisionError where a tap was asked for and cannot be had,
    and for one that does not compile.
    """
    wanted: bool | None = config.getoption("cca_tap")
    try:
        plugin = find_plugin(stack, built)
    except ProvisionError as lacking:
        if wanted:
            raise
        return None, lacking.message
    if isinstance(plugin, Path):
        limit_bytes = int(config.getoption("cca_tap_limit")) << 20
        tap = TapPlugin(plugin, built.hash, record=wanted is not False, limit_bytes=limit_bytes)
        return tap, "" if tap.record else OFF
    if wanted:
        raise StackError(f"--tap: {plugin}")
    return None, plugin


class Watch:
    """The tap of one machine, and the harness's own book of calls where they are compared."""

    def __init__(self, tap: Tap, link: Link | None) -> None:
        self.tap = tap
        self.book = CallBook() if link is not None else None
        if link is not None:
            link.watchers.append(self._book)

    def _book(self, entry: LoggedCall) -> None:
        assert self.book is not None
        if entry.op == OP_SMC:
            results = entry.reply.values if entry.reply.status == STATUS_OK else None
            self.book.smc(entry.pe, entry.args, results)
        elif entry.op == OP_PROGRAM:
            self.book.program(entry.pe, entry.reply.values[0])

    def begin(self) -> None:
        """A new test."""
        self.tap.begin()
        if self.book is not None:
            self.book.clear()

    def check(self) -> Comparison | None:
        """Compare, if that was asked for. Raises ``TapDiffers``."""
        if self.book is None:
            return None
        result = compare(self.book, self.tap.events())
        if not result.ok:
            raise TapDiffers(str(result), hint=f"the recording is {self.tap.path}")
        return result
