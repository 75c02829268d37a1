# SPDX-License-Identifier: BSD-3-Clause
"""What a console said: bytes exactly as received, on disk the moment they arrive.

Invariants:

* the file is the concatenation of every ``write``, nothing added, nothing removed;
* ``FILE.times`` has one line ``SECONDS OFFSET`` per write: what lies at OFFSET of the
  file and after arrived SECONDS after the transcript was opened;
* once the disk refuses a byte, that error is kept and raised by ``check``; what had
  been written stays, and the tail in memory goes on.
"""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path

from harness.errors import HarnessError, results_hint

_TAIL_BYTES = 256 * 1024
_LONGEST_SHOWN = 400
_FRAME = re.compile(rb"\x01[^\x01\x04]*\x04")
"""What programs say to each other on the line: from SOH (start of heading) to EOT."""

_OPEN_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class TranscriptError(HarnessError):
    """The transcript of a console could not be written to disk."""

    verdict = "lab"


def _write_all(fd: int, data: bytes) -> None:
    """Write every byte, however small the pieces that the kernel takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def readable(data: bytes) -> str:
    """Return what a person is to see of some bytes: no frames, undecodable ones as ``\\xNN``.

    Of a very long line only the end is shown.
    """
    text = _FRAME.sub(b"", data).decode("utf-8", "backslashreplace").replace("\r", "")
    return "\n".join(
        line if len(line) <= _LONGEST_SHOWN else f"…{line[-_LONGEST_SHOWN:]}"
        for line in text.split("\n")
    )


class Transcript:
    """An append-only record of one byte stream, with arrival times.

    ``write`` may be called by one thread while others call ``tail``.
    """

    def __init__(self, path: Path) -> None:
        """Create (or continue) the file; raises ``TranscriptError`` if that is impossible."""
        self.path = path
        self.times_path = path.with_name(path.name + ".times")
        self.error: TranscriptError | None = None
        self._lock = threading.Lock()
        self._recent = bytearray()
        self._size = 0
        self._continued_at = 0
        self._start_s = time.monotonic()
        self._fds: list[int] = []
        try:
            self._fds.append(os.open(path, _OPEN_FLAGS, 0o644))
            self._continued_at = os.fstat(self._fds[0]).st_size
            if path.is_file() or not path.exists():
                self._fds.append(os.open(self.times_path, _OPEN_FLAGS, 0o644))
        except OSError as problem:
            self.close()
            raise self._explain(problem) from problem

    @property
    def size_bytes(self) -> int:
        """Number of bytes received so far."""
        return self._size

    def write(self, data: bytes) -> None:
        """Append bytes; a disk error is remembered and left to ``check``."""
        if not data:
            return
        now_s = time.monotonic()
        with self._lock:
            at = self._continued_at + self._size
            self._size += len(data)
            self._recent += data
            if len(self._recent) > 2 * _TAIL_BYTES:
                del self._recent[:-_TAIL_BYTES]
            if self.error is None and self._fds:
                self._store(data, f"{now_s - self._start_s:.6f} {at}\n".encode())

    def _store(self, data: bytes, index_line: bytes) -> None:
        try:
            _write_all(self._fds[0], data)
            for fd in self._fds[1:]:
                _write_all(fd, index_line)
        except OSError as problem:
            self.error = self._explain(problem)

    def _explain(self, problem: OSError) -> TranscriptError:
        return TranscriptError(
            f"cannot write the console transcript {self.path}: {problem.strerror}; "
            f"it ends at or before byte {self._size}",
            hint=results_hint(problem),
        )

    def check(self) -> None:
        """Raise the ``TranscriptError`` that ``write`` met, if it met one."""
        if self.error is not None:
            raise self.error

    def recent(self) -> bytes:
        """Return the last bytes, at least 256 KiB if there were as many."""
        with self._lock:
            return bytes(self._recent)

    def tail(self, lines: int = 20) -> str:
        """Return the last ``lines`` lines, see ``readable``."""
        return "\n".join(readable(self.recent()).rstrip("\n").split("\n")[-lines:])

    def close(self) -> None:
        """Close the files; the memory of the last lines stays."""
        with self._lock:
            while self._fds:
                os.close(self._fds.pop())
