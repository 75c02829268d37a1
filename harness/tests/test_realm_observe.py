# SPDX-License-Identifier: BSD-3-Clause
"""Comparison of what was seen of a monitor's state, and how memory is tried."""

from __future__ import annotations

from dataclasses import replace

from harness.realm.observe import EntryAt, Snapshot, _runs, changes
from harness.types import GRANULE_BYTES

ENTRY = EntryAt(0x8000_0000, 0x4000_0000, 3)
BEFORE = Snapshot({"RTT 0x80001000": bytes(GRANULE_BYTES)}, {0x8000_2000: True}, {ENTRY: (0, 3)})


def test_the_same_is_no_change() -> None:
    assert changes(BEFORE, replace(BEFORE)) == []


def test_changed_contents_say_where() -> None:
    page = bytearray(GRANULE_BYTES)
    page[0x2B] = 1
    (line,) = changes(BEFORE, replace(BEFORE, contents={"RTT 0x80001000": bytes(page)}))
    assert line.startswith("contents of RTT 0x80001000: 1 bytes differ, at 0x28: 0000")


def test_changed_protection_says_which_way() -> None:
    (line,) = changes(BEFORE, replace(BEFORE, faults={0x8000_2000: False}))
    assert line == "0x80002000: the normal world cannot access it before, can now"


def test_changed_entry_shows_both() -> None:
    (line,) = changes(BEFORE, replace(BEFORE, entries={ENTRY: (0, 2)}))
    assert line.endswith("level 3 of realm 0x80000000: (0x0, 0x3) before, (0x0, 0x2) now")


def test_adjacent_granules_are_tried_together() -> None:
    page = GRANULE_BYTES
    assert list(_runs([0, page, 4 * page, 2 * page])) == [(0, 3), (4 * page, 1)]
    assert list(_runs([])) == []
