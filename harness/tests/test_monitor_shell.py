# SPDX-License-Identifier: BSD-3-Clause
"""What the real monitor says to a person on the UART, and how that gets on with frames."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.abi import tables
from harness.console import Console
from harness.errors import ProvisionError
from harness.link import SerialLink
from harness.link.protocol import READY_LINE
from harness.machine import Machine
from harness.stack import BuiltStack, build_stack, load_stack
from harness.tests.waiting import PATIENCE_S

pytestmark = pytest.mark.qemu

VERSION = tables().command("RMI_VERSION").fid
PROMPT = b"monitor> "
_MARKS = itertools.count()


@pytest.fixture(scope="module")
def built() -> BuiltStack:
    try:
        return build_stack(load_stack("embedded"))
    except ProvisionError as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="module")
def shared(built: BuiltStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with Machine.launch(built, tmp_path_factory.mktemp("shell")) as machine:
        machine.consoles["ns"].expect(READY_LINE + b"\n", PATIENCE_S)
        yield machine.consoles["ns"]
        machine.check()


@pytest.fixture
def console(shared: Console) -> Console:
    """Nothing that an earlier test made the monitor say is still to come."""
    mark = f"mark{next(_MARKS)}"
    shared.send(f"\r{mark}\r")
    shared.expect(rf"{mark}\s+unknown command, try help\s+{PROMPT.decode()}", PATIENCE_S)
    return shared


def say(console: Console, line: str) -> list[str]:
    """The lines between a command's echo and the next prompt."""
    console.discard()
    console.send(f"{line}\r")
    answer = console.expect(rb"\n((?s:.*?))" + PROMPT, PATIENCE_S).group(1)
    return answer.decode().splitlines()


def test_frames_alone_bring_no_prompt(built: BuiltStack, tmp_path: Path) -> None:
    with Machine.launch(built, tmp_path) as machine:
        link = SerialLink(machine.consoles["ns"])
        link.hello()
        link.smc(VERSION, 0x10000)
        machine.stop()
        assert PROMPT not in (machine.folder / "ns.log").read_bytes()


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("", []),
        ("version", ["RMI_SUCCESS", "RMI 1.0 to 1.0"]),
        ("  version  ", ["RMI_SUCCESS", "RMI 1.0 to 1.0"]),
        ("versoo\b\x7fion", ["RMI_SUCCESS", "RMI 1.0 to 1.0"]),
        ("abc\x15version", ["RMI_SUCCESS", "RMI 1.0 to 1.0"]),
        ("v\xffersion", ["RMI_SUCCESS", "RMI 1.0 to 1.0"]),
        ("versions", ["unknown command, try help"]),
        ("read", ["usage: read PA [WIDTH]"]),
        ("cpu 1 2", ["usage: cpu N"]),
        ("read 12g", ["not a hexadecimal number of at most 64 bits: 12g"]),
        ("read 80000000 3", ["WIDTH is 1, 2, 4 or 8 bytes"]),
        ("cpu 8", ["there are PEs 0 to 7 at most"]),
        ("cpu 0", ["PSCI_CPU_ON: -4 (is on already)"]),
        ("undelegate 80000000", ["RMI_ERROR_INPUT"]),
    ],
)
def test_one_command(console: Console, line: str, answer: list[str]) -> None:
    assert say(console, line) == answer


def test_help_names_every_command(console: Console) -> None:
    *commands, numbers = say(console, "help")
    names = [line.split()[0] for line in commands]
    for name in ("smc", "version", "features", "delegate", "undelegate", "read", "write", "regs"):
        assert name in names
    assert numbers.startswith("Numbers are hexadecimal")


def test_an_smc_shows_its_registers(console: Console) -> None:
    lines = say(console, f"smc {VERSION:x} 0x10000")
    assert lines[0] == "x0 0x0000000000000000  x1 0x0000000000010000"
    assert (len(lines), lines[-1]) == (5, "RMI_SUCCESS")


def test_a_granule_goes_to_the_realm_world_and_back(console: Console) -> None:
    assert say(console, "write 80000000 1234 2") == []
    assert say(console, "read 80000000") == ["0x1234"]
    assert say(console, "delegate 80000000") == ["RMI_SUCCESS"]
    fault = "FAR 0x80000000, granule protection fault"
    assert say(console, "read 80000000") == [f"abort: ESR 0x96000028 {fault}"]
    assert say(console, "write 80000000 1") == [f"abort: ESR 0x96000068 {fault}"]
    assert say(console, "undelegate 80000000") == ["RMI_SUCCESS"]
    assert say(console, "read 80000000") == ["0x0"]


def test_another_pe_is_switched_on(console: Console) -> None:
    assert "PE 1 is on" not in say(console, "regs")
    assert say(console, "cpu 1") == ["PSCI_CPU_ON: 0"]
    assert say(console, "regs")[-2:] == ["PE 0 is on", "PE 1 is on"]


def test_an_end_of_line_may_be_two_bytes(console: Console) -> None:
    console.discard()
    console.send("version\r\nversion\r\n")
    for _ in range(2):
        console.expect(rb"RMI 1\.0 to 1\.0\nmonitor> ", PATIENCE_S)


def test_a_frame_forgets_what_was_typed(console: Console) -> None:
    console.send("vers")
    link = SerialLink(console)
    assert link.smc(VERSION, 0x10000)[0] == 0
    assert say(console, "ion") == ["unknown command, try help"]


def test_enter_ends_a_stray_start_of_frame(console: Console) -> None:
    console.send(b"\x01abc\r")
    assert say(console, "regs")


def test_noise_does_not_flood(console: Console) -> None:
    say(console, "")
    before = console.received_bytes
    noise = re.sub(rb"[\r\n]", b"", os.urandom(20_000))
    console.send(noise + b"\r\x01\r")
    say(console, "")
    assert console.received_bytes - before < len(noise)
