# SPDX-License-Identifier: BSD-3-Clause
"""Byte pipes to a command on a host, without a host."""

from __future__ import annotations

import pytest

from harness.shell.base import ShellError
from harness.shell.pipe import BytePipe


class Job:
    """A command whose output is a list; None is silence, an exception is raised."""

    def __init__(self, *output: bytes | OSError | None) -> None:
        self.output = list(output)
        self.sent = b""
        self.signals: list[str] = []
        self.closed = False
        self.problem: OSError | None = None

    def settimeout(self, timeout: float | None, /) -> None:
        assert timeout is not None
        assert timeout >= 0

    def send(self, data: memoryview, _flags: int, /) -> int:
        if self.problem:
            raise self.problem
        self.sent += data[:2]
        return min(2, len(data))

    def recv(self, _size_bytes: int, /) -> bytes:
        piece = self.output.pop(0)
        if piece is None:
            raise TimeoutError
        if isinstance(piece, OSError):
            raise piece
        return piece

    def signal(self, name: str) -> None:
        self.signals.append(name)
        raise ShellError("it has ended already")

    def close(self) -> None:
        self.closed = True


def test_bytes_silence_and_the_end_are_told_apart() -> None:
    pipe = BytePipe(Job(b"one", None, b"two", b""), "agent")
    assert [pipe.receive(-1), pipe.receive(1), pipe.receive(0)] == [b"one", b"", b"two"]
    with pytest.raises(ShellError, match="'agent' has ended"):
        pipe.receive(1)


def test_line_that_breaks_is_told() -> None:
    job = Job(OSError("broken"))
    pipe = BytePipe(job, "agent")
    with pytest.raises(ShellError, match="cannot be heard: broken"):
        pipe.receive(1)
    pipe.send(b"abc", 1)
    job.problem = TimeoutError("slow")
    with pytest.raises(ShellError, match="does not listen: slow"):
        pipe.send(b"def", 1)
    assert job.sent == b"abc"


def test_end_of_the_pipe_ends_the_command() -> None:
    job = Job()
    BytePipe(job, "agent").close()
    assert (job.signals, job.closed) == (["KILL"], True)
