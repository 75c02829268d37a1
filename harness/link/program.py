# SPDX-License-Identifier: BSD-3-Clause
"""Short programs of calls that the monitor runs by itself, for races and throughput."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from harness.abi import codec, tables
from harness.errors import LinkError
from harness.link.protocol import Reply
from harness.types import MASK64, Pa

_KINDS = tables().enum("MonitorStepKind")
STEP_SMC = _KINDS["SMC"]
STEP_READ = _KINDS["READ"]
STEP_WRITE = _KINDS["WRITE"]

_HEADER = codec("MonitorProgram")
_STEP = codec("MonitorStep")
_STEP_ARGS = 7
_STEP_WORDS = struct.Struct("<16Q")
"""A MonitorStep: fid, args, strides, kind. The codec takes six times as long."""
RESULT = struct.Struct("<8Q")
"""What the monitor keeps of a step: x0..x7 of an SMC."""
_STOP_AT_FAILURE = 1


def _padded(words: tuple[int, ...]) -> list[int]:
    return [word & MASK64 for word in words] + [0] * (_STEP_ARGS - len(words))


@dataclass(frozen=True, slots=True)
class Step:
    """One step. SMC: ``fid`` and up to 7 args. READ: args[0] is the address. WRITE: address, value.

    ``strides`` are added to the args after each repetition.
    """

    fid: int
    args: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    kind: int = STEP_SMC

    def encode(self) -> bytes:
        """Return the step as the monitor reads it."""
        if max(len(self.args), len(self.strides)) > _STEP_ARGS:
            raise LinkError(f"a step takes at most {_STEP_ARGS} arguments: {self}")
        return _STEP_WORDS.pack(self.fid, *_padded(self.args), *_padded(self.strides), self.kind)


@dataclass(frozen=True, slots=True)
class Program:
    """Steps, run ``repeat`` times over. It lies at ``at`` (64-byte aligned), results after it.

    With ``barrier`` (the address of a zeroed u64) each run adds one there and starts when
    ``barrier_count`` have arrived. ``keep_results`` is how many results are written.
    """

    steps: Sequence[Step]
    at: Pa
    repeat: int = 1
    keep_results: int = 0
    stop_at_failure: bool = False
    barrier: int = 0
    barrier_count: int = 0

    @property
    def results_at(self) -> Pa:
        """Where the results begin."""
        return Pa(self.at + _HEADER.layout.size + len(self.steps) * _STEP.layout.size)

    @property
    def size_bytes(self) -> int:
        """How much memory from ``at`` on the program and its results take."""
        return self.results_at - self.at + self.keep_results * RESULT.size

    def encode(self) -> bytes:
        """Return header and steps."""
        if self.at % _HEADER.layout.alignment:
            raise LinkError(f"a program must be aligned to 64 bytes, not lie at {self.at}")
        header = _HEADER.encode(
            step_count=len(self.steps),
            repeat=self.repeat,
            barrier=self.barrier,
            barrier_count=self.barrier_count,
            results=self.results_at if self.keep_results else 0,
            results_max=self.keep_results,
            flags=_STOP_AT_FAILURE if self.stop_at_failure else 0,
        )
        return header + b"".join(step.encode() for step in self.steps)


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """What a program did; ``first_failure`` is the index of an executed step, or None.

    ``ticks`` are of the system counter; ``results`` hold x0..x7 of each kept step.
    """

    executed: int
    failed: int
    first_failure: int | None
    first_failure_x0: int
    ticks: int
    results: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def of(cls, reply: Reply, results: bytes) -> ProgramResult:
        """Build it from the monitor's answer and the bytes of the result array."""
        executed, failed, index, x0, ticks = reply.values[:5]
        kept = results[: executed * RESULT.size]
        first = index if failed else None
        return cls(executed, failed, first, x0, ticks, tuple(RESULT.iter_unpack(kept)))

    @property
    def ok(self) -> bool:
        """Whether no step failed."""
        return not self.failed
