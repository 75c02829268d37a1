# SPDX-License-Identifier: BSD-3-Clause
"""A transcript keeps every byte, its time, and what it has when the disk is full."""

import time
from pathlib import Path

import pytest

from harness.transcript import Transcript, TranscriptError

ROUNDED_S = 1e-6


def test_bytes_are_on_disk_at_once_and_unchanged(tmp_path: Path) -> None:
    transcript = Transcript(tmp_path / "ns.log")
    transcript.write(b"a\r\n\xff\x00")
    transcript.write(b"b")
    assert (tmp_path / "ns.log").read_bytes() == b"a\r\n\xff\x00b"
    assert transcript.size_bytes == 6
    transcript.close()


def test_index_gives_the_time_of_each_byte(tmp_path: Path) -> None:
    before_s = time.monotonic()
    transcript = Transcript(tmp_path / "ns.log")
    opened_s = time.monotonic()
    transcript.write(b"one\n")
    between_s = time.monotonic()
    transcript.write(b"two\n")
    rows = [line.split() for line in (tmp_path / "ns.log.times").read_text().splitlines()]
    assert [offset for _, offset in rows] == ["0", "4"]
    one_s, two_s = (float(seconds) for seconds, _ in rows)
    assert 0 <= one_s <= between_s - before_s + ROUNDED_S
    assert between_s - opened_s - ROUNDED_S <= two_s <= time.monotonic() - before_s + ROUNDED_S
    transcript.close()


def test_tail_shows_last_lines_and_escapes_what_is_no_text(tmp_path: Path) -> None:
    transcript = Transcript(tmp_path / "ns.log")
    transcript.write(b"one\r\ntwo\r\nthr\xffee\r\n")
    assert transcript.tail(2) == "two\nthr\\xffee"
    transcript.close()


def test_tail_is_bounded_and_the_file_is_not(tmp_path: Path) -> None:
    transcript = Transcript(tmp_path / "ns.log")
    for _ in range(40):
        transcript.write(b"x" * 32768)
    assert len(transcript.recent()) < 1 << 20
    assert (tmp_path / "ns.log").stat().st_size == 40 * 32768
    transcript.close()


def test_tail_is_for_people(tmp_path: Path) -> None:
    transcript = Transcript(tmp_path / "ns.log")
    transcript.write(b"READY\r\n" + b"\x01A1,0:12345678\x04" * 9000 + b"\x01torn RMM: \xff\n")
    transcript.write(b"x" * 5000 + b"end\n")
    first, second, third = transcript.tail(3).split("\n")
    assert first == "READY"
    assert second == "\x01torn RMM: \\xff"
    assert third == "…" + "x" * 397 + "end"
    assert transcript.recent().count(b"\x04") == 9000
    transcript.close()


def test_full_disk_is_one_clear_error_and_the_tail_goes_on() -> None:
    transcript = Transcript(Path("/dev/full"))
    transcript.check()
    transcript.write(b"first\n")
    transcript.write(b"second\n")
    with pytest.raises(TranscriptError) as caught:
        transcript.check()
    assert "cannot write the console transcript /dev/full: No space left on device" in str(
        caught.value
    )
    assert "CCA_RUNS" in caught.value.hint
    assert transcript.tail() == "first\nsecond"
    transcript.close()


def test_missing_folder_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match="No such file or directory"):
        Transcript(tmp_path / "none" / "ns.log")


def test_file_that_is_continued_has_offsets_of_its_own(tmp_path: Path) -> None:
    for data in (b"first\n", b"second\n"):
        transcript = Transcript(tmp_path / "ns.log")
        transcript.write(data)
        transcript.close()
    offsets = [line.split()[1] for line in (tmp_path / "ns.log.times").read_text().splitlines()]
    assert offsets == ["0", "6"]
