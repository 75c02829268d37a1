# SPDX-License-Identifier: BSD-3-Clause
"""What a rule knows of a realm or a REC does not outlive it: the next has the same address."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.abi import tables
from harness.tap import Recording
from harness.tap.rules import Judge
from harness.tests.tap_files import Writer

RD, REC, RUN, DATA, IPA = 0x8000_0000, 0x8000_1000, 0x8000_2000, 0x8000_3000, 1 << 30
ERROR_INPUT = tables().statuses["RMI_ERROR_INPUT"]
ERROR_RTT_1 = tables().statuses["RMI_ERROR_RTT"] | 1 << 8


def did(writer: Writer, name: str, *args: int, status: int = 0, cpu: int = 0) -> None:
    writer.back(writer.call(name, *args, cpu=cpu), status, cpu=cpu)


def missing_table(writer: Writer, between: Callable[[], None]) -> None:
    did(writer, "RMI_DATA_CREATE_UNKNOWN", RD, DATA, IPA, status=ERROR_RTT_1)
    between()
    did(writer, "RMI_DATA_CREATE_UNKNOWN", RD, DATA, IPA, status=ERROR_RTT_1)


def race_not_fatal(writer: Writer, between: Callable[[], None]) -> None:
    did(writer, "RMI_REC_ENTER", REC, RUN)
    between()
    did(writer, "RMI_GRANULE_DELEGATE", DATA, cpu=1)
    did(writer, "RMI_GRANULE_DELEGATE", DATA, status=ERROR_INPUT)
    did(writer, "RMI_REC_DESTROY", REC)


STORIES = {
    "missing-table": (missing_table, "RMI_REALM_DESTROY", RD),
    "race-not-fatal": (race_not_fatal, "RMI_REC_DESTROY", REC),
}


@pytest.mark.parametrize("rule", STORIES)
@pytest.mark.parametrize("status", [None, ERROR_INPUT, 0], ids=["nothing", "failed", "destroyed"])
def test_a_rule_forgets_what_is_destroyed(rule: str, status: int | None, tmp_path: Path) -> None:
    """Only a destruction that succeeded makes the two calls be about different things."""
    story, destroy, address = STORIES[rule]
    writer = Writer()

    def between() -> None:
        if status is not None:
            did(writer, destroy, address, status=status)

    story(writer, between)
    recording = Recording(writer.write(tmp_path / "calls.tap"))
    judge = Judge(recording.header(), [rule])
    for event in recording:
        judge.feed(event)
    assert [found.rule for found in judge.violations] == ([] if status == 0 else [rule])
