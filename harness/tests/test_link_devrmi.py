# SPDX-License-Identifier: BSD-3-Clause
"""The link through /dev/rmi against an agent of the test's own."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable

import pytest

from harness.abi import codec, tables
from harness.errors import BootFailed, LinkCannot, LinkError, LinkTimeout
from harness.link.devrmi import DevRmiLink
from harness.realm.device_pool import DevicePool
from harness.rmi import Rmi, Succeeds
from harness.types import GRANULE_BYTES

OPS = {value: name for name, value in tables().enum("RmiAgentOp").items()}
IOCTLS = tables().enum("RmiDeviceIoctl")
MAGIC = tables().constants["RMI_AGENT_MAGIC"].to_bytes(8, "little")
REQUEST, ANSWER = codec("RmiAgentRequest"), codec("RmiAgentAnswer")
CHUNK_BYTES = 4 << 20

Serve = Callable[[str, tuple[int, ...], bytes], tuple[int, int, bytes]]
"""op, args, data → errno, value, data"""


class FakeAgent:
    """An agent at the other end of a pipe, that answers as it is told to."""

    def __init__(self, serve: Serve, greeting: bytes = MAGIC, *, piece: int = 1 << 20) -> None:
        self.serve = serve
        self.asked: list[tuple[str, tuple[int, ...]]] = []
        self._out = greeting
        self._piece = piece
        self.silent = False

    def receive(self, _timeout_s: float) -> bytes:
        piece, self._out = self._out[: self._piece], self._out[self._piece :]
        return piece

    def send(self, data: bytes, _timeout_s: float) -> None:
        head = REQUEST.unpack(data)
        number, args = head["op"], head["args"]
        assert isinstance(number, int)
        assert isinstance(args, tuple)
        op = OPS[number]
        self.asked.append((op, args))
        status, value, body = self.serve(op, args, data[REQUEST.layout.size :])
        if not self.silent:
            fields = {"seq": head["seq"], "status": status, "value": value}
            self._out += ANSWER.encode(**fields, data_bytes=len(body)) + body

    def close(self) -> None:
        self.asked.append(("closed", ()))


def plain(op: str, _args: tuple[int, ...], data: bytes) -> tuple[int, int, bytes]:
    """Everything succeeds: SMCs return zeros, memory is zero."""
    return (0, 2, bytes(len(data)) if op == "SMC" else b"")


def connected(serve: Serve = plain, **settings: int) -> tuple[DevRmiLink, FakeAgent]:
    agent = FakeAgent(serve, **settings)  # type: ignore[arg-type]
    link = DevRmiLink(agent)
    link.hello()
    agent.asked.clear()
    return link, agent


def test_requests_of_ioctl_carry_the_size_of_their_structure() -> None:
    """Number, direction and size are what the kernel's macros make of them."""
    wanted = {
        "INFO": (2, "RmiDeviceInfo", 0),
        "CALL": (3, "RmiDeviceCall", 1),
        "ALLOC": (3, "RmiDeviceMemory", 2),
        "FREE": (1, "RmiDeviceMemory", 3),
    }
    assert {
        name: direction << 30 | codec(struct_name).layout.size << 16 | ord("R") << 8 | number
        for name, (direction, struct_name, number) in wanted.items()
    } == IOCTLS


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_answers_are_put_together_from_pieces(piece: int) -> None:
    link, _ = connected(piece=piece)
    assert Rmi(link).features(0) == Succeeds()
    assert (link.pes, link.calls) == (2, 1)


def test_many_calls_are_one_request() -> None:
    """They are booked one by one, and end at the first that fails where that was wanted."""

    def serve(op: str, _args: tuple[int, ...], data: bytes) -> tuple[int, int, bytes]:
        results = [b"".join(struct.pack("<8Q", n == 2, *[0] * 7) for n in range(3))]
        return (0, 3, results[0] if op == "SMC" and data else b"")

    link, agent = connected(serve)
    rows = [(GRANULE_BYTES * n,) for n in range(5)]
    done = Rmi(link).each("RMI_GRANULE_DELEGATE", rows, stop_at_failure=True)
    assert [result.ok for result in done] == [True, True, False]
    assert (len(agent.asked), link.calls) == (1, 3)


def test_bare_metal_operations_cannot_be_done() -> None:
    link, agent = connected()
    with pytest.raises(LinkCannot, match="READ is for a bare-metal host"):
        link.peek(0x8000_0000)
    with pytest.raises(LinkCannot, match="TIMER is for a bare-metal host"):
        link.timer(1)
    assert agent.asked == []


@pytest.mark.parametrize(
    ("status", "error", "text"),
    [
        (errno.EPERM, LinkCannot, "the host kernel's"),
        (errno.EOPNOTSUPP, LinkCannot, "does not know this call"),
        (errno.ENODEV, LinkCannot, "no such CPU"),
        (errno.EBUSY, LinkError, "refuses RMI_GRANULE_DELEGATE.*busy"),
    ],
)
def test_refused_call_says_why(status: int, error: type[LinkError], text: str) -> None:
    link, agent = connected()
    agent.serve = lambda _op, _args, _data: (status, 0, b"")
    with pytest.raises(error, match=text):
        Rmi(link).granule_delegate(0x8000_0000)
    with pytest.raises(error, match=text):
        Rmi(link).each("RMI_GRANULE_DELEGATE", [(0x8000_0000,)])


def test_memory_out_of_reach_is_an_error() -> None:
    link, agent = connected()
    agent.serve = lambda _op, _args, _data: (errno.EFAULT, 0, b"")
    with pytest.raises(LinkError, match="aborted at 0x80000000"):
        link.read(0x8000_0000, 8)
    with pytest.raises(LinkError, match=r"ALLOC\(0x1\): Bad address"):
        link.ask("ALLOC", (1,))


def test_agent_that_is_none_is_told_with_what_it_said() -> None:
    with pytest.raises(BootFailed, match="No such device"):
        DevRmiLink(FakeAgent(plain, b"rmi-agent: /dev/rmi: No such device\n")).hello(60)


def test_silence_is_a_timeout() -> None:
    link, agent = connected()
    agent.silent = True
    with pytest.raises(LinkTimeout, match="did not answer"):
        link.smc(tables().command("RMI_VERSION").fid, timeout_s=0.05)
    with pytest.raises(LinkError, match="still under way"):
        link.smc(tables().command("RMI_VERSION").fid)


def test_pool_takes_chunks_from_the_host() -> None:
    """Granules of one request are adjacent and aligned; what cannot be is said."""
    link, agent = connected()
    agent.serve = lambda _op, _args, _data: (0, CHUNK_BYTES * len(agent.asked), b"")
    pool = DevicePool(link)
    first = pool.take()
    block = pool.take(512, align_bytes=2 << 20)
    assert (first, block % (2 << 20)) == (CHUNK_BYTES, 0)
    assert pool.take(1024) == 2 * CHUNK_BYTES
    assert [op for op, _ in agent.asked] == ["ALLOC", "ALLOC"]
    with pytest.raises(LinkCannot, match="more than the host gives at once"):
        pool.take(1025)
    agent.serve = lambda _op, _args, _data: (errno.ENOMEM, 0, b"")
    with pytest.raises(LinkCannot, match="Cannot allocate memory"):
        pool.take(1024)


def held(agent: FakeAgent) -> Callable[[], None]:
    """Keep the agent's answers back until the returned function is called."""
    receive = agent.receive
    agent.receive = lambda _timeout_s: b""  # type: ignore[method-assign]

    def let_go() -> None:
        agent.receive = receive  # type: ignore[method-assign]

    return let_go


def test_refusal_is_told_to_who_made_the_call() -> None:
    """Not to who asks next, and as often as it is asked for."""
    link, agent = connected()
    version = tables().command("RMI_VERSION").fid
    agent.serve = lambda _op, _args, _data: (errno.EPERM, 0, b"")
    refused = link.start_smc(version)
    agent.serve = plain
    assert link.smc(version) == (0,) * 8
    for _ in range(2):
        assert refused.done()
        with pytest.raises(LinkCannot, match="the host kernel's"):
            refused.wait()


def test_waiting_no_time_takes_what_is_there() -> None:
    link, _ = connected(piece=7)
    assert link.start_smc(tables().command("RMI_VERSION").fid).wait(0) == (0,) * 8


def test_many_calls_wait_for_the_one_under_way() -> None:
    link, agent = connected()
    let_go = held(agent)
    running = link.start_smc(tables().command("RMI_VERSION").fid)
    with pytest.raises(LinkError, match=r"RMI_VERSION.* is still under way"):
        link.smc_each([(1,), (2,)])
    assert len(agent.asked) == 1
    let_go()
    assert running.wait() == (0,) * 8
    assert len(link.smc_each([(1,), (2,)])) == 2


def test_late_answer_to_many_calls_is_booked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The leak oracle must know of calls that nobody waited for to the end."""
    monkeypatch.setattr("harness.link.devrmi.CALL_TIMEOUT_S", 0.05)
    link, agent = connected()
    let_go = held(agent)
    with pytest.raises(LinkTimeout, match="did not answer"):
        link.smc_each([(1,), (2,)])
    with pytest.raises(LinkError, match="is still under way"):
        link.smc_each([(3,), (4,)])
    assert link.calls == 0
    let_go()
    assert len(link.smc_each([(5,), (6,)])) == 2
    assert [entry.args[0] for entry in link.log] == [1, 2, 5, 6]


def test_what_the_agent_says_instead_is_told_whole() -> None:
    words = b"rmi-agent: /dev/rmi: No such device\n"
    with pytest.raises(BootFailed, match="No such device"):
        DevRmiLink(FakeAgent(plain, words, piece=1)).hello(5)


def test_time_out_names_what_the_agent_was_asked() -> None:
    link, agent = connected()
    held(agent)
    with pytest.raises(LinkTimeout, match=r"did not answer ALLOC\(0x1, 0x1000\) in 0.05 s"):
        link.ask("ALLOC", (1, 0x1000), timeout_s=0.05)
