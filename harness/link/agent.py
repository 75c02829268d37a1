# SPDX-License-Identifier: BSD-3-Clause
"""The wire to ``rmi-agent``: requests out, answers in, in whatever pieces these come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from harness.abi import codec, tables
from harness.deadline import Deadline
from harness.errors import LinkError

LANES = 8
"""Requests of one lane are served in order, lanes side by side."""

DATA_BYTES = tables().constants["RMI_AGENT_DATA_BYTES"]
"""The most that a request or an answer of memory carries."""

_OPS = tables().enum("RmiAgentOp")
_MAGIC = tables().constants["RMI_AGENT_MAGIC"].to_bytes(8, "little")
_REQUEST = codec("RmiAgentRequest")
_ANSWER = codec("RmiAgentAnswer")
_ANSWER_BYTES = _ANSWER.layout.size
_SEND_TIMEOUT_S = 10.0
_ATTENTION_S = 0.2
_WORDS_S = 1.0
_SHOWN_BYTES = 200


class Pipe(Protocol):
    """Bytes to and from the agent; ``harness.shell.pipe.BytePipe`` is one."""

    def receive(self, timeout_s: float) -> bytes: ...
    def send(self, data: bytes, timeout_s: float) -> None: ...
    def close(self) -> None: ...


class Answer(NamedTuple):
    """One answer of the agent: an errno or 0, a number, bytes."""

    status: int
    value: int
    data: bytes


class AgentWire:
    """Requests by their numbers. ``check`` is called while nothing comes, and may raise."""

    def __init__(self, pipe: Pipe, check: Callable[[], None]) -> None:
        self.pipe = pipe
        self._check = check
        self._received = bytearray()
        self._answers: dict[int, Answer] = {}
        self._forgotten: set[int] = set()
        self._seq = 0

    def greet(self, deadline: Deadline) -> None:
        """Wait for the agent's first bytes. Raises ``LinkError`` with what came instead."""
        while len(self._received) < len(_MAGIC) and not deadline.expired:
            self._receive(deadline)
        if not self._received.startswith(_MAGIC):
            words = deadline.sooner(_WORDS_S)
            while b"\n" not in self._received and not words.expired:
                self._receive(words)
            raise LinkError(f"it said {bytes(self._received[:_SHOWN_BYTES])!r}")
        del self._received[: len(_MAGIC)]

    def send(
        self, op: str, args: Sequence[int], lane: int, data: bytes = b"", flags: int = 0
    ) -> int:
        """Send a request; return its number."""
        self._seq += 1
        head = _REQUEST.encode(
            seq=self._seq,
            op=_OPS[op],
            lane=lane,
            args=tuple(args),
            flags=flags,
            data_bytes=len(data),
        )
        self.pipe.send(head + data, _SEND_TIMEOUT_S)
        return self._seq

    def wait(self, seq: int, deadline: Deadline) -> Answer | None:
        """Return the answer to a request; None if it has not come by the deadline."""
        while seq not in self._answers:
            last_look = deadline.expired
            came = self._receive(deadline.sooner(_ATTENTION_S))
            self._sort_out()
            if last_look and not came:
                return None
        return self._answers.pop(seq)

    def forget(self, seq: int) -> None:
        """Nobody waits any more for this answer."""
        self._forgotten.add(seq)

    def _receive(self, deadline: Deadline) -> bool:
        """Take in what comes; tell whether anything did."""
        data = self.pipe.receive(deadline.remaining_s)
        self._received += data
        if not data:
            self._check()
        return bool(data)

    def _sort_out(self) -> None:
        """Keep the answers that are complete."""
        while len(self._received) >= _ANSWER_BYTES:
            head = _ANSWER.unpack(self._received)
            end = _ANSWER_BYTES + _int(head["data_bytes"])
            if len(self._received) < end:
                return
            data = bytes(self._received[_ANSWER_BYTES:end])
            del self._received[:end]
            self._keep(_int(head["seq"]), Answer(_int(head["status"]), _int(head["value"]), data))

    def _keep(self, seq: int, answer: Answer) -> None:
        if seq in self._forgotten:
            self._forgotten.discard(seq)
        else:
            self._answers[seq] = answer


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
