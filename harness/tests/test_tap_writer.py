# SPDX-License-Identifier: BSD-3-Clause
"""The plugin's own writer, without QEMU: order, growth, limits, full disks, bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from harness.stack import build_tap, load_stack
from harness.tap import Call, Lost, Recording, Return
from harness.tap.layout import HEADER_BYTES, RECORD_BYTES
from harness.tests.tap_files import RAM, generate, make

CALLS = int(os.environ.get("CCA_TAP_CALLS", "20000"))
"""How many calls the endurance test makes; 5000000 make ten million events."""

_MIB = 1 << 20
_READER_MOST_KIB = 64 * 1024
_READ = """
import re, sys, time
from pathlib import Path
from harness.tap import Call, Recording, Return
start, count, good = time.monotonic(), 0, 0
for event in Recording(Path(sys.argv[1])):
    count += 1
    if isinstance(event, Call):
        good += bool(event.name)
    elif isinstance(event, Return):
        good += event.status.ok
# Not ru_maxrss: a child begins with that of its parent.
kib = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(count, good, kib, time.monotonic() - start)
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tap")
    make(folder, "generate")
    return folder / "generate"


def test_every_call_of_every_thread_is_there_in_order(program: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.tap"
    assert generate(program, 3000, 4, f"out={path}", "stack=abc").returncode == 0
    header = Recording(path).header()
    assert (header.cpus, header.ended, header.lost, header.stack_hash) == (4, True, 0, "abc")
    assert path.stat().st_size == HEADER_BYTES + header.records * RECORD_BYTES
    numbers: dict[int, list[int]] = {cpu: [] for cpu in range(4)}
    times: list[int] = []
    for event in Recording(path):
        assert not isinstance(event, Lost)
        times.append(event.time_ns)
        if isinstance(event, Return):
            assert event.call is not None
            assert event.call.x[3] == event.x[1]
            numbers[event.cpu].append(event.x[1])
    assert times == sorted(times)
    assert all(seen == list(range(3000)) for seen in numbers.values())


def test_memory_is_copied_from_the_ram_file(program: Path, tmp_path: Path) -> None:
    ram, path = tmp_path / "ram", tmp_path / "x.tap"
    ram.write_bytes(bytes(range(1, 65)) + bytes(0x700) + b"end".ljust(64, b"\0") + bytes(0x8000))
    options = (f"out={path}", f"ram={ram}", f"base={RAM:#x}")
    assert generate(program, 4, 1, *options).returncode == 0
    enters = [e for e in Recording(path) if not isinstance(e, Lost) and e.name == "RMI_REC_ENTER"]
    enter, back = enters
    assert enter.memory is not None
    assert back.memory is not None
    assert enter.memory.data == ram.read_bytes()[:0x800]
    assert (enter.memory.base, back.memory.base) == (RAM, RAM + 0x800)
    assert (enter.record.lines, back.record.lines) == (2, 1)


def test_memory_outside_of_ram_is_said(program: Path, tmp_path: Path) -> None:
    ram, path = tmp_path / "ram", tmp_path / "x.tap"
    ram.write_bytes(bytes(0x400))  # too small for the enter half
    generate(program, 4, 1, f"out={path}", f"ram={ram}", f"base={RAM:#x}")
    enter = next(e for e in Recording(path) if isinstance(e, Call) and e.name == "RMI_REC_ENTER")
    assert (enter.memory, enter.missing) == (None, "its structure is not in RAM")


def test_without_ram_that_is_said(program: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.tap"
    generate(program, 4, 1, f"out={path}")
    enter = next(e for e in Recording(path) if isinstance(e, Call) and e.name == "RMI_REC_ENTER")
    assert (enter.memory, enter.missing) == (None, "RAM was not shared")


def test_a_limit_counts_what_it_loses(program: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.tap"
    done = generate(program, 20000, 2, f"out={path}", f"limit={_MIB}")
    header = Recording(path).header()
    assert path.stat().st_size <= _MIB
    assert header.records + header.lost == 80000
    assert header.records == (_MIB - HEADER_BYTES) // RECORD_BYTES
    assert f"{header.lost} records were lost" in done.stderr
    *_, last = Recording(path)
    assert isinstance(last, Lost)
    assert last.count == header.lost


def test_a_full_disk_loses_records_and_not_the_program(program: Path, tmp_path: Path) -> None:
    """A limit on file sizes refuses blocks as a full disk does."""
    path = tmp_path / "x.tap"
    words = f"ulimit -f 2048; trap '' XFSZ; exec {program} 20000 2 0 out={path}"
    done = subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    header = Recording(path).header()
    assert header.lost > 0
    assert header.records + header.lost == 80000
    assert sum(isinstance(event, Lost) for event in Recording(path)) == 1


def test_many_events_need_little_memory(program: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.tap"
    assert generate(program, CALLS, 1, f"out={path}").returncode == 0
    words = [sys.executable, "-c", _READ, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    count, good, kib, seconds = done.stdout.split()
    print(f"{count} events decoded in {float(seconds):.1f} s with {kib} KiB")
    assert int(count) == int(good) == 2 * CALLS
    assert int(kib) < _READER_MOST_KIB


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "argument out=FILE is missing"),
        (("out=",), "argument 'out=' is not understood"),
        (("out=x", "colour=red"), "argument 'colour=red' is not understood; there are out=FILE"),
        (("out=x", "limit=-1"), "argument 'limit=-1' is not understood"),
        (("out=x", "others=maybe"), "argument 'others=maybe' is not understood"),
        (("out=/nowhere/x",), "cannot write /nowhere/x: No such file or directory"),
        (("out=OUT", "ram=/nowhere/ram"), "cannot read the RAM file /nowhere/ram"),
    ],
)
def test_wrong_arguments(
    program: Path, tmp_path: Path, options: tuple[str, ...], complaint: str
) -> None:
    words = [word.replace("OUT", str(tmp_path / "x.tap")) for word in options]
    done = generate(program, 1, 1, *words)
    assert done.returncode != 0
    assert f"cca-tap: {complaint}" in done.stderr


def test_functions_of_no_family_are_counted(program: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.tap"
    generate(program, 5, 1, f"out={path}", "others=count", number=0xC400_1234)
    header = Recording(path).header()
    assert (header.others, header.records, header.others_recorded) == (5, 0, False)
    generate(program, 5, 1, f"out={path}", "others=record", number=0xC400_1234)
    assert Counter(type(event) for event in Recording(path)) == {Call: 5, Return: 5}


def test_the_stack_machinery_builds_the_plugin() -> None:
    plugin = build_tap(load_stack("embedded"))
    assert plugin is not None
    assert plugin.name == "libcca-tap.so"
    assert plugin.read_bytes()[:4] == b"\x7fELF"
