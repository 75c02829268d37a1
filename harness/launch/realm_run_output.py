# SPDX-License-Identifier: BSD-3-Clause
"""What realm-run tells about a realm, as values (``realm-run --trace`` tells all of it)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.types import Ipa

_N = "(0x[0-9a-f]+|0)"
_LINE = re.compile(r"realm-run: (.*)\n")
_RESULT = re.compile(r"rec (\d+): (.*?) -> (.*)")
_REC = re.compile(rf"rec (\d+) created: mpidr {_N}, (\d+) auxiliary granules")
_MMIO = re.compile(rf"rec (\d+): MMIO (read|write) of (\d+) bytes at {_N}: {_N}")
_RIPAS = re.compile(r"rec (\d+): RIPAS of (\S+) to (\S+) shall be (\w+): (\w+)")
_FAULT = re.compile(rf"rec (\d+): fault of (protected|unprotected) memory at {_N}")
_STAGE = re.compile(r"^stage: (\w+)$", re.MULTILINE)
_PSCI = re.compile(r"rec (\d+): PSCI (\w+)(?: of rec (\d+))?")
_END = re.compile(r"end: (.*)")


@dataclass(frozen=True, slots=True)
class Done:
    """A command of the script with its result, on one REC."""

    rec: int
    command: str
    result: str


@dataclass(frozen=True, slots=True)
class NewRec:
    """A REC that was created."""

    index: int
    mpidr: int
    aux: int


@dataclass(frozen=True, slots=True)
class Mmio:
    """An access of the realm to a device of the host."""

    rec: int
    is_write: bool
    width_bytes: int
    ipa: Ipa
    value: int


@dataclass(frozen=True, slots=True)
class RipasChange:
    """A change that the realm asked for, and what became of it."""

    rec: int
    base: Ipa
    top: Ipa
    ripas: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Fault:
    """An access to memory that was not there yet."""

    rec: int
    is_protected: bool
    ipa: Ipa


@dataclass(frozen=True, slots=True)
class Psci:
    """A PSCI call that the host was asked about; ``target`` is a REC's index."""

    rec: int
    call: str
    target: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that one run told. ``console`` is what the realm wrote on its UART."""

    done: tuple[Done, ...]
    recs: tuple[NewRec, ...]
    mmio: tuple[Mmio, ...]
    ripas: tuple[RipasChange, ...]
    faults: tuple[Fault, ...]
    psci: tuple[Psci, ...]
    end: str
    stages: tuple[str, ...]
    lines: tuple[str, ...]
    console: str

    def result(self, command: str) -> str:
        """The result of the (first) command of that text; ``KeyError`` if it was not done."""
        return {done.command: done.result for done in reversed(self.done)}[command]


def read_told(text: str) -> Told:
    """Take the output of realm-run apart."""
    text = text.replace("\r", "")
    lines = tuple(match[1] for match in _LINE.finditer(text))
    joined = "\n".join(lines)
    end = _END.search(joined)
    return Told(
        done=tuple(Done(int(m[1]), m[2], m[3]) for m in map(_RESULT.match, lines) if m),
        recs=tuple(NewRec(int(m[1]), int(m[2], 0), int(m[3])) for m in _REC.finditer(joined)),
        mmio=tuple(
            Mmio(int(m[1]), m[2] == "write", int(m[3]), Ipa(int(m[4], 0)), int(m[5], 0))
            for m in _MMIO.finditer(joined)
        ),
        ripas=tuple(
            RipasChange(int(m[1]), Ipa(int(m[2], 0)), Ipa(int(m[3], 0)), m[4], m[5])
            for m in _RIPAS.finditer(joined)
        ),
        faults=tuple(
            Fault(int(m[1]), m[2] == "protected", Ipa(int(m[3], 0)))
            for m in _FAULT.finditer(joined)
        ),
        psci=tuple(
            Psci(int(m[1]), m[2], int(m[3]) if m[3] else None) for m in _PSCI.finditer(joined)
        ),
        end=end[1] if end else "",
        lines=lines,
        stages=tuple(match[1] for match in _STAGE.finditer(joined)),
        console=_LINE.sub("", text),
    )
