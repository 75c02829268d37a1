# SPDX-License-Identifier: BSD-3-Clause
"""Reading a tap file, also while QEMU writes it, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from harness.abi import codec
from harness.tap.layout import (
    HEADER_BYTES,
    RECORD_BYTES,
    Header,
    Line,
    Record,
    TapError,
    unpack,
)

_CHUNK_RECORDS = 2048
_RECORDS_AT = codec("TapHeader").offset("records")
_RECORDS_BYTES = codec("TapHeader").layout.field("records").size


class TapFile:
    """An open tap file. ``records`` sees what is complete at that moment; call it again for more.

    Raises ``TapError`` for a file that is not one, or is shorter than it says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BinaryIO = path.open("rb", buffering=0)
        except OSError as problem:
            raise TapError(f"cannot read {path}: {problem.strerror}") from problem
        try:
            self.header()
        except BaseException:
            self._file.close()
            raise

    def header(self) -> Header:
        """The header as it is now: its counters grow."""
        self._file.seek(0)
        return Header.decode(self._file.read(HEADER_BYTES), str(self.path))

    def count(self) -> int:
        """How many records are complete now."""
        self._file.seek(_RECORDS_AT)
        return int.from_bytes(self._file.read(_RECORDS_BYTES), "little")

    def records(self, first: int = 0) -> Iterator[Record | Line]:
        """Yield the complete records from index ``first`` on."""
        for data in self.chunks(first):
            for at in range(0, len(data), RECORD_BYTES):
                yield unpack(data, at)

    def chunks(self, first: int = 0) -> Iterator[bytes]:
        """Yield the bytes of the complete records from index ``first`` on, a bounded piece
        at a time."""
        until = self.count()
        while first < until:
            count = min(_CHUNK_RECORDS, until - first)
            yield self._read(first, count)
            first += count

    def _read(self, first: int, count: int) -> bytes:
        self._file.seek(HEADER_BYTES + first * RECORD_BYTES)
        wanted = count * RECORD_BYTES
        data = b""
        while len(data) < wanted:
            piece = self._file.read(wanted - len(data))
            if not piece:
                raise TapError(
                    f"{self.path} is cut short: record {first + len(data) // RECORD_BYTES} is "
                    f"not there, its header promises {self.count()}"
                )
            data += piece
        return data

    @property
    def closed(self) -> bool:
        """``close`` was called."""
        return self._file.closed

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
