# SPDX-License-Identifier: BSD-3-Clause
"""``cca judge``: what it says of good recordings, of bad ones, and of what is none."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.tap.file import TapFile
from harness.tap.layout import CALL, HEADER_BYTES, RECORD_BYTES, Line, Record, pack
from harness.tap.rules import RULES
from harness.tests.tap_files import fid

RECORDINGS = Path(__file__).resolve().parent / "recordings"
GOOD = RECORDINGS / "psci_completed_kept.tap.gz"
BAD = RECORDINGS / "last_level_broken.tap.gz"
_PEAK = """
import re, sys
from pathlib import Path
from harness.cli.main import main
status = main(["judge", sys.argv[1]])
# Not ru_maxrss: a child begins with that of its parent.
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
sys.exit(status)
"""


def judge(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    status = main(["judge", *map(str, words)])
    said = capsys.readouterr()
    return status, said.out, said.err


def plain(path: Path, folder: Path) -> Path:
    target = folder / path.name.removesuffix(".gz")
    target.write_bytes(gzip.decompress(path.read_bytes()))
    return target


def test_a_recording_without_violations(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = judge(capsys, GOOD)
    assert status == 0
    first, *rest, last = out.splitlines()
    assert first.startswith(f"{GOOD}: ")
    assert "answers and exits judged" in first
    assert not [line for line in rest if "violation" in line]
    assert last == "no violations"


def test_a_recording_with_a_violation(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, out, _ = judge(capsys, plain(BAD, tmp_path))
    assert status == 1
    first, second, third, *_, last = out.splitlines()
    assert first.startswith("last-level (host rule, RMI_RTT_CREATE level_bound; ")
    assert second == "  a table at level 4"
    assert "RMI_RTT_CREATE(rd=0x80000000, " in third
    assert last == "1 violations of last-level"


def test_rules_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(capsys, BAD, "--rules", "rmm")[0] == 0
    assert judge(capsys, BAD, "--rules", "rmm,last-level")[0] == 1


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = judge(capsys, BAD, "--json")
    report = json.loads(out)
    assert status == 1
    assert report["format"] == 1
    assert report["by_rule"] == {"last-level": 1}
    [violation] = report["violations"]
    assert violation["explanation"] == "a table at level 4"
    assert violation["events"][0].startswith(f"#{violation['first']} cpu 0 ")
    assert report["judged"] > 10
    assert report["lost"] == 0


def test_rules_are_listed_with_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = judge(capsys, "--list")
    assert status == 0
    for rule in RULES:
        assert f"{rule.name} " in out
        assert f"[{rule.source}]" in out


def _cut(folder: Path) -> Path:
    path = plain(GOOD, folder)
    path.write_bytes(path.read_bytes()[: HEADER_BYTES + 10 * RECORD_BYTES + 5])
    return path


def _text(folder: Path) -> Path:
    path = folder / "notes.txt"
    path.write_text("not a recording\n" * 1000)
    return path


def _short(folder: Path) -> Path:
    path = folder / "short.tap"
    path.write_bytes(b"CCATAP1\0")
    return path


def _damaged(folder: Path) -> Path:
    path = folder / "damaged.tap.gz"
    path.write_bytes(GOOD.read_bytes()[:-100])
    return path


def _swapped(folder: Path) -> Path:
    """Two records have changed their places."""
    path = plain(GOOD, folder)
    data = bytearray(path.read_bytes())
    at, behind = (HEADER_BYTES + n * RECORD_BYTES for n in (5, 6))
    end = behind + RECORD_BYTES
    data[at:end] = data[behind:end] + data[at:behind]
    path.write_bytes(data)
    return path


def _swapped_and_packed(folder: Path) -> Path:
    path = folder / "swapped.tap.gz"
    path.write_bytes(gzip.compress(_swapped(folder).read_bytes()))
    return path


def _not_deflated(folder: Path) -> Path:
    path = folder / "bits.tap.gz"
    data = bytearray(GOOD.read_bytes())
    data[20:40] = bytes(20)
    path.write_bytes(data)
    return path


def _newer(folder: Path) -> Path:
    path = plain(GOOD, folder)
    data = bytearray(path.read_bytes())
    data[8] += 1
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "none.tap", "cannot read"),
        (lambda folder: folder / "none.tap.gz", "cannot unpack"),
        (_cut, "is cut short: record 10 is not there"),
        (_text, "is not a tap file"),
        (_short, "is cut short: 8 bytes, a header is 4096"),
        (_damaged, "cannot unpack"),
        (_not_deflated, "bits.tap.gz: "),
        (_swapped, "psci_completed_kept.tap: record "),
        (_swapped_and_packed, "swapped.tap.gz: record "),
        (
            _cut,
            "hint: what comes before that is whole, but the file is damaged, or was copied in part",
        ),
        (_newer, "has version 2"),
    ],
    ids=[
        "missing",
        "missing-packed",
        "cut",
        "text",
        "short",
        "damaged",
        "bits",
        "swapped",
        "swapped-packed",
        "cut-hint",
        "newer",
    ],
)
def test_what_is_no_recording_is_one_clear_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, make: object, says: str
) -> None:
    assert callable(make)
    status, out, err = judge(capsys, make(tmp_path))
    assert status == 2
    assert out == ""
    assert says in err
    assert "Traceback" not in err


def test_a_recording_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = judge(capsys)
    assert status == 2
    assert "which recording?" in err


def repeated(path: Path, target: Path, times: int) -> int:
    """Make a long recording of a short one: after the boot everything happens ``times`` times.

    Returns the number of records.
    """
    with TapFile(path) as file:
        header, records = file.header(), list(file.records())
    start = _first(records, fid("RMI_GRANULE_DELEGATE"))
    head, body = records[:start], records[start:]
    with target.open("wb") as out:
        total = len(head) + times * len(body)
        out.write(header._replace(records=total).encode().ljust(HEADER_BYTES, b"\0"))
        out.write(b"".join(map(pack, head)))
        for number in range(times):
            shift = number * len(body)
            moved = (one._replace(seq=one.seq + shift, call=one.call + shift) for one in body)
            out.write(b"".join(map(pack, moved)))
    return total


def _first(records: Sequence[Record | Line], number: int) -> int:
    return next(
        at
        for at, one in enumerate(records)
        if isinstance(one, Record) and one.kind == CALL and one.x[0] == number
    )


def peak_kib(path: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stdout.split()[-1])


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    short = plain(GOOD, tmp_path)
    repeated(short, tmp_path / "long.tap", 60)
    assert peak_kib(tmp_path / "long.tap") < peak_kib(short) + 8 * 1024
