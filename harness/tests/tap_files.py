# SPDX-License-Identifier: BSD-3-Clause
"""Tap files made in Python, and the programs of ``images/tap``."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.abi import cheader, codec, tables
from harness.abi.codec import Value
from harness.tap.layout import (
    CALL,
    LINE,
    LINE_BYTES,
    LOST,
    RETURN,
    Header,
    Line,
    Record,
    State,
    pack,
)
from harness.types import Pa

SOURCES = Path(__file__).resolve().parents[2] / "images" / "tap"
PC = 0x6000_109C
RAM = 0x4000_0000


def fid(name: str) -> int:
    return tables().command(name).fid


class Writer:
    """Makes records one after the other, numbered as the plugin numbers them."""

    def __init__(self) -> None:
        self.records: list[Record | Line] = []
        self.seq = 1
        self.lost = 0

    def call(
        self,
        name: str | int,
        *args: int,
        cpu: int = 0,
        state: State = State.NON_SECURE,
        level: int = 2,
        rec: int = 0,
        memory: tuple[int, bytes] | None = None,
        flags: int = 0,
    ) -> int:
        """Add a CALL with its memory; returns its number."""
        number = name if isinstance(name, int) else fid(name)
        x = (number, *args, *([0] * (7 - len(args))))
        place = (cpu, state, level, flags)
        return self._add(CALL, self.seq, x, place, rec, memory)

    def back(
        self,
        call: int,
        *values: int,
        cpu: int = 0,
        state: State = State.NON_SECURE,
        level: int = 2,
        rec: int = 0,
        memory: tuple[int, bytes] | None = None,
    ) -> int:
        """Add the RETURN of a CALL."""
        x = (*values, *([0] * (8 - len(values))))
        return self._add(RETURN, call, x, (cpu, state, level, 0), rec, memory)

    def lose(self, count: int) -> None:
        """Add a LOST record; the lost ones use up their numbers."""
        self.seq += count
        self.lost += count
        self._add(LOST, count, (0,) * 8, (0, State.UNKNOWN, 0, 0), 0, None)

    def _add(
        self,
        kind: int,
        call: int,
        x: tuple[int, ...],
        place: tuple[int, int, int, int],
        rec: int,
        memory: tuple[int, bytes] | None,
    ) -> int:
        lines = _lines(*memory) if memory else []
        span = len(memory[1]) if memory else 0
        first, time_ns = self.seq, 1000 * self.seq
        self.records.append(
            Record(first, time_ns, call, 0, PC, rec, kind, *place, len(lines), span, x)
        )
        for base, addr, data in lines:
            self.seq += 1
            self.records.append(Line(self.seq, time_ns, first, base, addr, LINE, place[0], data))
        self.seq += 1
        return first

    def header(self, **changes: object) -> Header:
        """A header that fits what was made so far."""
        plain = Header(
            *(2, 4, True, 0, 0, Pa(RAM), 1 << 20, 0, len(self.records), self.lost, 0),
            *(False, True, "stack"),
        )
        return plain._replace(**changes)  # type: ignore[arg-type]

    def write(self, path: Path, **changes: object) -> Path:
        """Write everything as a file."""
        data = b"".join(pack(record) for record in self.records)
        path.write_bytes(self.header(**changes).encode() + data)
        return path


def _lines(base: int, data: bytes) -> list[tuple[int, int, bytes]]:
    pieces = [
        (base, base + at, data[at : at + LINE_BYTES]) for at in range(0, len(data), LINE_BYTES)
    ]
    return [piece for piece in pieces if any(piece[2]) or piece[1] == base]


def structure(name: str, **values: Value) -> bytes:
    return codec(name).encode(**values)


def make(folder: Path, *targets: str) -> None:
    """Build targets of ``images/tap`` into a folder."""
    (folder / "abi").mkdir(parents=True, exist_ok=True)
    (folder / "abi" / "cca_abi.h").write_text(cheader.render())
    words = ["make", "-s", "-C", str(SOURCES), f"O={folder}", f"ABI={folder / 'abi'}"]
    subprocess.run([*words, *targets], check=True, capture_output=True)


def generate(
    program: Path, calls: int, threads: int, *options: str, number: int = 0
) -> subprocess.CompletedProcess[str]:
    """Let the writer of the plugin make a file; ``number`` is the function id of all calls."""
    words: Sequence[str] = [str(program), str(calls), str(threads), f"{number:#x}", *options]
    return subprocess.run(words, check=False, capture_output=True, text=True)
