# SPDX-License-Identifier: BSD-3-Clause
"""Where records are missing no rule accuses on a guess, and what is seen whole is still judged."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from harness.tap.file import TapFile
from harness.tap.layout import LOST, Header, Line, Record, State
from harness.tap.rules import Judge
from harness.tap.stream import assemble

RECORDINGS = Path(__file__).resolve().parent / "recordings"
KEPT = sorted(path.name for path in RECORDINGS.glob("*_kept.tap.gz"))
CUTS = 12


def read(name: str, folder: Path) -> tuple[Header, list[Record | Line]]:
    path = folder / "plain.tap"
    path.write_bytes(gzip.decompress((RECORDINGS / name).read_bytes()))
    with TapFile(path) as file:
        return file.header(), list(file.records())


def with_loss(records: list[Record | Line], first: int, end: int) -> list[Record | Line]:
    """Without the records from ``first`` to ``end``; a LOST record says how many are missing."""
    seq, before = records[end - 1].seq, records[first].seq
    nothing = (0, 0, 0)
    place = (0, State.UNKNOWN, 0, 0)
    lost = Record(seq, records[first].time_ns, seq - before, *nothing, LOST, *place, 0, 0, (0,) * 8)
    return [*records[:first], lost, *records[end:]]


def judged(header: Header, records: list[Record | Line]) -> Judge:
    judge = Judge(header)
    for event in assemble(records):
        judge.feed(event)
    judge.end()
    return judge


@pytest.mark.parametrize("name", KEPT)
def test_nothing_is_accused_after_a_loss(name: str, tmp_path: Path) -> None:
    header, records = read(name, tmp_path)
    starts = [at for at, one in enumerate(records) if isinstance(one, Record)]
    for first in starts[1 :: max(1, len(starts) // CUTS)]:
        for length in (3, 20, len(records) // 4):
            end = next((at for at in starts if at >= first + length), 0)
            if end:
                judge = judged(header, with_loss(records, first, end))
                assert judge.violations == [], f"without {first}..{end}"
                assert judge.tally.lost == end - first - 1


@pytest.mark.parametrize("name", KEPT)
def test_a_recording_may_begin_anywhere(name: str, tmp_path: Path) -> None:
    header, records = read(name, tmp_path)
    starts = [at for at, one in enumerate(records) if isinstance(one, Record)]
    for at in starts[1 :: max(1, len(starts) // CUTS)]:
        assert judged(header, records[at:]).violations == [], f"from record {at} on"
