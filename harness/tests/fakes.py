# SPDX-License-Identifier: BSD-3-Clause
"""Stand-ins for the machine's side of a line: a socket's far end, a monitor, a firmware."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.abi import codec
from harness.alarms import AlarmLog
from harness.console import Console
from harness.errors import FrameError
from harness.link import frame
from harness.link.protocol import (
    MAGIC,
    MAILBOX,
    OP_CPU_ON,
    OP_HELLO,
    OP_READ_BLOCK,
    OP_SMC,
    OP_WRITE_BLOCK,
    PE_READY,
    STATUS_OK,
    VERSION,
    Reply,
)
from harness.machine.ram import GuestRam
from harness.machine.stuck import StuckWatch
from harness.transcript import Transcript

BOXES = 0x6000_0000


def console_pair(folder: Path, name: str = "ns") -> tuple[Console, socket.socket]:
    """A console and the far end of its line."""
    near, far = socket.socketpair()
    return Console(name, near, Transcript(folder / f"{name}.log"), AlarmLog()), far


Handler = Callable[[frame.Request], Reply]


def reply(*values: int, data: bytes = b"", status: int = STATUS_OK) -> Reply:
    return Reply(status, (*values, *([0] * (8 - len(values)))), data=data)


def default_handler(request: frame.Request) -> Reply:
    """HELLO as the monitor says it; an SMC returns its arguments plus one."""
    if request.op == OP_HELLO:
        return reply(MAGIC, VERSION, request.pe, 1, 2)
    if request.op == OP_SMC:
        return reply(*(arg + 1 for arg in request.args))
    return reply()


class SerialMonitor(threading.Thread):
    """Serves frames on a socket. ``damage`` may replace, repeat or drop each outgoing frame."""

    def __init__(self, line: socket.socket, handler: Handler = default_handler) -> None:
        super().__init__(daemon=True)
        self.line = line
        self.handler = handler
        self.executed: list[frame.Request] = []
        self.received = 0
        self.damage: Callable[[bytes], bytes] = lambda raw: raw
        self._last: dict[int, tuple[int, bytes]] = {}
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError):  # the test has closed the line
            self._serve_all()

    def _serve_all(self) -> None:
        pending = b""
        while piece := self.line.recv(4096):
            pending += piece
            while match := frame.FRAME_PATTERN.search(pending):
                pending = pending[match.end() :]
                self.received += 1
                self.line.sendall(self.damage(self._serve(match.group(0))))

    def _serve(self, raw: bytes) -> bytes:
        try:
            request = frame.decode_request(frame.decode(raw))
        except FrameError:
            return frame.encode(frame.Frame(frame.DAMAGED, ()))
        if self._last.get(request.pe, (-1, b""))[0] != request.seq:
            self.executed.append(request)
            answer = frame.Answer(request.seq, request.pe, self.handler(request))
            self._last[request.pe] = request.seq, frame.encode_answer(answer)
        return self._last[request.pe][1]


@dataclass
class FakeMachine:
    """What ``MailboxLink`` needs of a machine; ``sick`` is raised by ``check``."""

    ram: GuestRam
    consoles: Mapping[str, Console]
    sick: list[Exception] = field(default_factory=list)
    gives_way: bool = True

    stuck_watch: StuckWatch = field(
        default_factory=lambda: StuckWatch(list, lambda: 0, lambda: 0.0)
    )

    def check(self) -> None:
        for problem in self.sick:
            raise problem

    def describe(self) -> str:
        return "a fake machine"


class MailboxMonitor(threading.Thread):
    """Serves the mailboxes of PE 0 and 1 in RAM until ``stop``; silent while ``mute``."""

    def __init__(self, ram: GuestRam, handler: Handler = default_handler) -> None:
        super().__init__(daemon=True)
        self.ram = ram
        self.handler = handler
        self._turn = threading.Lock()
        self._mute = False
        self._over = False
        self._layout = codec("MonitorMailbox")
        ram.write_u32(BOXES + self._layout.offset("pe_state"), PE_READY)
        self.start()

    @property
    def mute(self) -> bool:
        """Whether it serves nobody; what is asked after it was set gets no answer."""
        return self._mute

    @mute.setter
    def mute(self, value: bool) -> None:
        with self._turn:
            self._mute = value

    def run(self) -> None:
        while not self._over:
            with self._turn:
                for pe in () if self._mute else (0, 1):
                    self._serve(pe, BOXES + pe * MAILBOX.size)
            time.sleep(20e-6)

    def _serve(self, pe: int, base: int) -> None:
        box = self._layout.unpack(self.ram.read(base, MAILBOX.size))
        seq, op, args = box["request_seq"], box["op"], box["args"]
        assert isinstance(seq, int)
        assert isinstance(op, int)
        assert isinstance(args, tuple)
        if seq == box["response_seq"]:
            return
        if op == OP_CPU_ON:
            state = base + args[0] * MAILBOX.size + self._layout.offset("pe_state")
            self.ram.write_u32(state, PE_READY)
        data = self.ram.read(base + self._layout.offset("data"), 2048)
        given = self.handler(frame.Request(seq, pe, op, args, data))
        faults = (given.esr, given.elr, given.far, given.hpfar)
        words = struct.pack("<13Q", given.status, *given.values, *faults)
        self.ram.write(base + self._layout.offset("status"), words)
        if given.data:
            self.ram.write(base + self._layout.offset("data"), given.data)
        self.ram.write_u32(base + self._layout.offset("response_seq"), seq)

    def stop(self) -> None:
        self._over = True
        self.join()


class Memory:
    """A handler that keeps block writes and gives them back."""

    def __init__(self) -> None:
        self.bytes: dict[int, int] = {}

    def __call__(self, request: frame.Request) -> Reply:
        if request.op == OP_WRITE_BLOCK:
            pa, size = request.args[:2]
            self.bytes.update(enumerate(request.data[:size], pa))
            return reply()
        if request.op == OP_READ_BLOCK:
            pa, size = request.args[:2]
            return reply(data=bytes(self.bytes.get(pa + n, 0) for n in range(size)))
        return default_handler(request)


def speaking_firmware(text: bytes) -> bytes:
    """An AArch64 boot image that writes ``text`` to UART0 of ``virt`` and then hangs."""
    code = struct.pack(
        "<7I",
        0xD2A12002,  # mov  x2, #0x09000000
        0x100000C1,  # adr  x1, text
        0x38401420,  # ldrb w0, [x1], #1
        0x34000060,  # cbz  w0, hang
        0xB9000040,  # str  w0, [x2]
        0x17FFFFFD,  # b    ldrb
        0x14000000,  # hang: b hang
    )
    return code + text + b"\0"


@dataclass(frozen=True)
class FakeShape:
    memory_bytes: int = 256 << 20
    cpus: int = 1
    cpu: str = "cortex-a57"
    accel: str = "tcg"
    machine_options: str = "virt"
    extra_args: tuple[str, ...] = ()


@dataclass(frozen=True)
class FakeStack:
    qemu: Path
    flash: Path
    name: str = "fake"
    elfs: Mapping[str, Path] = field(default_factory=dict)
    maps: Mapping[str, Path] = field(default_factory=dict)
    machine: FakeShape = field(default_factory=FakeShape)
