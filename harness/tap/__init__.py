# SPDX-License-Identifier: BSD-3-Clause
"""The tap: every SMC of unmodified binaries as typed events (recorded by ``images/tap``)."""

from harness.tap.compare import CallBook, Comparison, compare
from harness.tap.decode import Named, Status
from harness.tap.events import Call, Event, Lost, Memory, Return
from harness.tap.file import TapFile
from harness.tap.filters import ANY, Where, calls, returns, select
from harness.tap.layout import Header, State, TapError
from harness.tap.live import Tap, TapTimeout
from harness.tap.stream import Assembler, Recording, assemble

__all__ = [
    "ANY",
    "Assembler",
    "Call",
    "CallBook",
    "Comparison",
    "Event",
    "Header",
    "Lost",
    "Memory",
    "Named",
    "Recording",
    "Return",
    "State",
    "Status",
    "Tap",
    "TapError",
    "TapFile",
    "TapTimeout",
    "Where",
    "assemble",
    "calls",
    "compare",
    "returns",
    "select",
]
