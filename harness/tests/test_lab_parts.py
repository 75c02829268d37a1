# SPDX-License-Identifier: BSD-3-Clause
"""The lab's small parts: owners' names, the lab's file, telnet on a serial line, messages."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.alarms import AlarmLog
from harness.console import Console
from harness.deadline import Deadline
from harness.errors import HarnessError
from harness.lab import LabFault, LabSettingsError, NoPlace, NotOnBoard, words
from harness.lab.owner import host_name, is_stale, user_name
from harness.lab.settings import LabSettings
from harness.lab.transport import SerialPort, TelnetFilter, TelnetTransport, connect
from harness.transcript import Transcript

IAC = b"\xff"


def mine(pid: int | None = None) -> str:
    return f"{host_name()}/{user_name(pid)}"


def test_an_owner_that_lives_is_not_stale() -> None:
    assert not is_stale(mine())


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_an_owner_whose_process_is_gone_is_stale(child: subprocess.Popen[bytes]) -> None:
    owner = mine(child.pid)
    assert not is_stale(owner)
    child.kill()
    child.wait()
    assert is_stale(owner)


def test_a_process_that_was_not_reaped_counts_as_gone(child: subprocess.Popen[bytes]) -> None:
    owner = mine(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_stale(owner)


def test_a_later_process_of_the_same_number_does_not_pass_for_the_owner() -> None:
    head, _, start = mine().rpartition("-")
    assert is_stale(f"{head}-{int(start) - 1}")


@pytest.mark.parametrize("owner", ["elsewhere/someone", f"{host_name()}/someone", "", "x"])
def test_other_owners_are_never_stale(owner: str) -> None:
    assert not is_stale(owner)


def test_an_agent_of_another_machine_is_never_stale() -> None:
    head, _, start = user_name().rpartition("-")
    assert not is_stale(f"elsewhere/{head}-{int(start) - 1}")


def test_a_lab_file_needs_only_tags() -> None:
    settings = LabSettings.parse({"tags": {"board": "rme", "slot": 3}}, "lab.yaml: cca")
    assert settings.tags == {"board": "rme", "slot": "3"}
    assert settings.consoles == {"ns": "ns"}
    assert (settings.deploy, settings.without, settings.off_s) == ("", (), 2.0)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ([], "wants a mapping"),
        ({"tag": {}}, "unknown key 'tag'"),
        ({"tags": ["a"]}, "tags: wants names and texts"),
        ({"consoles": {"secure": "s"}}, "there is no 'ns' among secure"),
        ({"deploy": "flash {flas}"}, "'flash {flas}' has an unknown field 'flas'"),
        ({"deploy": 3}, "deploy: wants a command line"),
        ({"wait_s": "long"}, "wait_s: wants seconds, got 'long'"),
        ({"off_s": -1}, "off_s: wants seconds, got -1"),
        ({"off_s": True}, "off_s: wants seconds, got True"),
        ({"wait_s": float("nan")}, "wait_s: wants seconds, got nan"),
        ({"without": "wiping"}, "without: wants a list of names"),
        ({"without": ["wipping"]}, "without: unknown capability 'wipping'"),
    ],
)
def test_a_wrong_lab_file_is_one_clear_error(section: object, message: str) -> None:
    with pytest.raises(LabSettingsError) as caught:
        LabSettings.parse(section, "lab.yaml: cca")
    assert message in caught.value.message


@pytest.mark.parametrize("section", [None, {}, {"tags": {}}, {"tags": None, "off_s": 1}])
def test_places_that_nobody_chose_are_not_taken(section: object) -> None:
    with pytest.raises(LabSettingsError, match=r"lab\.yaml: cca: has no tags") as caught:
        LabSettings.parse(section, "lab.yaml: cca")
    assert "tags: {name: PLACE}" in caught.value.hint


@pytest.mark.parametrize("text", ["- a\n", "3\n", "options: 3\n", "imports: 3\n"])
def test_a_lab_file_of_another_shape_is_one_clear_error(tmp_path: Path, text: str) -> None:
    pytest.importorskip("labgrid")
    from harness.lab.agent import read_environment

    file = tmp_path / "lab.yaml"
    file.write_text(text)
    with pytest.raises(LabSettingsError, match=f"--lab {file}: is not a labgrid") as caught:
        read_environment(str(file))
    assert "options: and cca:" in caught.value.hint


def test_a_lab_file_says_where_the_lab_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("labgrid")
    from harness.lab.agent import read_environment

    monkeypatch.delenv("LG_COORDINATOR", raising=False)
    file = tmp_path / "lab.yaml"
    file.write_text("options: {coordinator_address: there}\ncca: {tags: {board: rme}}\n")
    _, settings, address = read_environment(str(file))
    assert (settings.tags, address) == ({"board": "rme"}, "there")


def test_messages_survive_the_way() -> None:
    line = words.encode({"event": words.LOST, "why": "a\nb", "path": Path("/x")})
    assert line.count(b"\n") == 1
    assert words.decode(line) == {"event": "lost", "why": "a\nb", "path": "/x"}


def test_telnet_commands_are_taken_out_wherever_they_are_cut() -> None:
    raw = (
        b"a" + IAC + b"\xfb\x01" + b"b\xff\xffc" + IAC + b"\xfa\x2c\x65\x00" + IAC + b"\xf0" + b"d"
    )
    for cut in range(len(raw) + 1):
        telnet = TelnetFilter()
        first, _ = telnet.feed(raw[:cut])
        second, _ = telnet.feed(raw[cut:])
        assert first + second == b"ab\xffcd"


def test_telnet_options_that_nobody_asked_for_are_refused() -> None:
    data, answer = TelnetFilter().feed(IAC + b"\xfd\x18" + IAC + b"\xfb\x22" + IAC + b"\xfd\x00")
    assert data == b""
    assert answer == IAC + b"\xfc\x18" + IAC + b"\xfe\x22"


def test_a_telnet_line_carries_every_byte(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    line = TelnetTransport(ours)
    greeting = theirs.recv(100)
    assert greeting.count(IAC) == 4
    console = Console("ns", line, Transcript(tmp_path / "ns.log"), AlarmLog())
    everything = bytes(range(256))
    console.send(everything * 9)
    sent = b""
    while len(sent) < 9 * 257:
        sent += theirs.recv(4096)
    assert sent == (everything + IAC) * 9
    theirs.sendall(IAC + b"\xfb\x00" + b"READY\n")
    assert console.expect("READY", 60).group(0) == b"READY"
    theirs.close()
    console.close()


def test_a_serial_server_that_is_not_there_is_a_fault_of_the_board() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # kept from others, and nobody listens
        port = SerialPort("127.0.0.1", nobody.getsockname()[1], "raw")
        with pytest.raises(LabFault) as caught:
            connect(port, "board7", Deadline.after(0.0))
    assert caught.value.message.startswith(
        f"place board7: no connection to the serial server 127.0.0.1:{port.port} (raw)"
    )
    assert (caught.value.place, caught.value.broken, caught.value.verdict) == (
        "board7",
        True,
        "lab",
    )


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [(LabFault, "lab"), (NoPlace, "lab"), (LabSettingsError, "harness"), (NotOnBoard, "harness")],
)
def test_verdict_of_lab_errors(kind: type[HarnessError], verdict: str) -> None:
    assert kind("x").verdict == verdict
