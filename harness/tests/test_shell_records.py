# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's records among other text on a console."""

from __future__ import annotations

import re

import pytest

from harness.shell.records import torn, without_records

RECORD = b"[    6.904789] hrtimer: interrupt took 15648276 ns\r\n"
MARK = b"\x01cca:ready\x04"


@pytest.mark.parametrize("at", range(1, len(MARK)))
def test_a_text_that_records_tear_apart_is_found(at: int) -> None:
    line = b"init: done\r\n" + MARK[:at] + RECORD + RECORD + MARK[at:] + b"\r\n"
    found = re.search(torn(MARK), line)
    assert found is not None
    assert without_records(found[0]) == MARK


@pytest.mark.parametrize("other", [b"\x01cca:rea", b"dy\x04", b"\x01cca:rea[1.2] dy\x04"])
def test_what_is_no_record_is_not_passed_over(other: bytes) -> None:
    assert re.search(torn(MARK), other) is None


def test_a_count_of_dropped_messages_belongs_to_its_record() -> None:
    dropped = b"** 12 printk messages dropped **\r\n" + RECORD
    assert without_records(b"one " + dropped + b"line\n") == b"one line\n"
