# SPDX-License-Identifier: BSD-3-Clause
"""The agent against labgrid's own coordinator and exporter: what it takes, watches, gives back."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from harness.errors import ProvisionError
from harness.lab import LabFault, LabSettingsError, Lease, LeaseOrder, NoPlace, check_lab, words
from harness.lab.loopback import LoopbackLab
from harness.shell.base import ShellError
from harness.shell.keys import KeyPair
from harness.shell.ssh import SshAddress, SshShell
from harness.stack import build_stack, load_stack
from harness.tests.lab_sessions import until

pytestmark = [pytest.mark.slow, pytest.mark.lab, pytest.mark.qemu]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LoopbackLab]:
    try:
        built = build_stack(load_stack("embedded"))
    except ProvisionError as problem:
        pytest.skip(str(problem))
    with LoopbackLab.start(tmp_path / "lab", built, count=2) as running:
        yield running


@pytest.fixture
def order(tmp_path: Path, lab: LoopbackLab) -> LeaseOrder:
    return LeaseOrder(lab.env, tmp_path / "avoid", tmp_path / "agent.log")


def test_a_lease_is_taken_switched_and_given_back(lab: LoopbackLab, order: LeaseOrder) -> None:
    lease = Lease.take(order)
    board = lab.boards[lease.place]
    assert lab.acquired() == {lease.place: lease.owner}
    assert {name: port.port for name, port in lease.ports.items()} == board.ports
    lease.ask(words.POWER_ON)
    assert board.powered()
    lease.ask(words.POWER_OFF)
    assert not board.powered()
    lease.ask(words.POWER_ON)
    lease.end()
    assert not board.powered()
    assert lab.acquired() == {}


def test_a_stolen_place_is_noticed_and_left_alone(lab: LoopbackLab, order: LeaseOrder) -> None:
    lease = Lease.take(order)
    lost = threading.Event()
    lease.on_fault = lost.set
    lease.ask(words.POWER_ON)
    lab.steal(lease.place)
    assert lost.wait(60)
    assert lease.fault is not None
    assert (lease.fault.place, lease.fault.broken) == (lease.place, False)
    with pytest.raises(LabFault, match="was lost: somebody else released the place"):
        lease.ask(words.POWER_OFF)
    lease.end()
    assert lab.boards[lease.place].powered()
    assert lab.acquired()[lease.place].endswith("/thief")


def test_a_coordinator_that_goes_away_ends_the_lease(lab: LoopbackLab, order: LeaseOrder) -> None:
    lease = Lease.take(order)
    lost = threading.Event()
    lease.on_fault = lost.set
    assert lab.coordinator is not None
    lab.coordinator.stop(soft_s=0)
    assert lost.wait(60)
    assert "the coordinator went away" in str(lease.fault)
    lease.end()
    with pytest.raises(NoPlace, match=r"coordinator at .* does not answer"):
        Lease.take(order)


def test_an_agent_that_dies_ends_the_lease_and_its_place_is_freed(
    lab: LoopbackLab, order: LeaseOrder
) -> None:
    lease = Lease.take(order)
    lost = threading.Event()
    lease.on_fault = lost.set
    lease.ask(words.POWER_ON)
    os.kill(int(lease.owner.split("-")[-2]), signal.SIGKILL)
    assert lost.wait(60)
    assert "the lab's agent ended" in str(lease.fault)
    assert not lease.end()
    assert list(lab.acquired()) == [lease.place]
    seen = check_lab(order.env, order.log)
    assert seen.busy == {}
    assert lab.acquired() == {}
    assert not lab.boards[lease.place].powered()


def test_places_that_failed_are_avoided(lab: LoopbackLab, order: LeaseOrder) -> None:
    order.avoid.mkdir()
    (order.avoid / "board1").touch()
    lease = Lease.take(order)
    assert lease.place == "board2"
    lease.end()
    (order.avoid / "board2").touch()
    with pytest.raises(NoPlace, match=r"every place of the lab .* failed in this run: board1"):
        Lease.take(order)


def test_a_lab_that_is_all_taken_is_waited_for(lab: LoopbackLab, order: LeaseOrder) -> None:
    held = [Lease.take(order), Lease.take(order)]
    assert {lease.place for lease in held} == {"board1", "board2"}
    lab.write_env(wait_s=0)
    with pytest.raises(NoPlace) as caught:
        Lease.take(order)
    assert f"  board1: acquired by {held[0].owner.split('/')[0]}/cca-" in caught.value.message
    lab.write_env()
    got: list[Lease] = []
    waiting = threading.Thread(target=lambda: got.append(Lease.take(order)))
    waiting.start()
    held[0].end()
    waiting.join(60)
    assert got[0].place == held[0].place
    for lease in (got[0], held[1]):
        lease.end()
    assert lab.acquired() == {}


def test_a_deploy_that_fails_names_the_command(lab: LoopbackLab, order: LeaseOrder) -> None:
    lab.write_env(deploy="sh -c 'echo no flash at {place}; exit 3' {flash}")
    lease = Lease.take(order)
    with pytest.raises(LabFault) as caught:
        lease.ask(words.DEPLOY, files={"flash": "/f", "bl1": "/b", "fip": "/i"})
    assert f"deploy failed: sh -c 'echo no flash at {lease.place}" in caught.value.message
    assert caught.value.message.endswith(f"no flash at {lease.place}")
    assert caught.value.broken
    lease.end()


def test_a_power_switch_that_is_gone_is_a_fault_of_the_board(
    lab: LoopbackLab, order: LeaseOrder
) -> None:
    lease = Lease.take(order)
    lab.boards[lease.place].kill()
    with pytest.raises(LabFault, match="its power cannot be switched on") as caught:
        lease.ask(words.POWER_ON)
    assert (caught.value.place, caught.value.broken) == (lease.place, True)
    lease.end()
    assert lab.acquired() == {}


def test_a_power_command_of_the_file_is_used(lab: LoopbackLab, order: LeaseOrder) -> None:
    """ExternalPowerDriver under targets, for places without a power port."""
    log = lab.folder / "power.log"
    command = f"sh -c 'echo {{place}} {{}} >> {log}'"
    text = lab.env.read_text().rstrip().removesuffix("}")
    driver = {"cmd_on": command.replace("{}", "on"), "cmd_off": command.replace("{}", "off")}
    drivers = json.dumps({"main": {"drivers": {"ExternalPowerDriver": driver}}})
    lab.env.write_text(f'{text}, "targets": {drivers}}}')
    lease = Lease.take(order)
    lease.ask(words.POWER_ON)
    lease.end()
    assert log.read_text().split() == [lease.place, "on", lease.place, "off"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "configuration file .* could not be found"),
        ("", "Configuration file is empty"),
        ("a: [", "Error in configuration file"),
        ("cca: {tag: x}", "cca: unknown key 'tag'"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, text: str | None, message: str
) -> None:
    file = tmp_path / "lab.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(LabSettingsError, match=message):
        check_lab(file, tmp_path / "agent.log")


def test_a_missing_labgrid_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(LabSettingsError, match="needs labgrid, which is not installed") as caught:
        check_lab(tmp_path / "lab.yaml", tmp_path / "agent.log")
    assert "pip install 'cca-harness[lab]'" in caught.value.hint


class SshServer(paramiko.ServerInterface):
    """An SSH server for one user with a key, that runs commands here."""

    def __init__(self, key: KeyPair) -> None:
        self.key = key
        self.host_key = KeyPair.generate()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with self._listener:
            line, _ = self._listener.accept()
        self._transport = transport = paramiko.Transport(line)
        text = io.StringIO(self.host_key.openssh)
        transport.add_server_key(paramiko.Ed25519Key.from_private_key(text))
        transport.start_server(server=self)

    def close(self) -> None:
        self._transport.close()

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = username == "tester" and key.asbytes() == self.key.public_blob
        return AUTH_SUCCESSFUL if known else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        def run() -> None:
            done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
            channel.sendall(done.stdout + done.stderr)
            channel.send_exit_status(done.returncode)
            channel.close()

        threading.Thread(target=run, daemon=True).start()
        return True


def test_a_shell_on_a_board_over_its_exported_ssh_service(
    tmp_path: Path, lab: LoopbackLab, order: LeaseOrder
) -> None:
    key = KeyPair.generate()
    (lab.folder / "lab_key").write_text(key.openssh)
    server = SshServer(key)
    host_key = base64.b64encode(server.host_key.public_blob).decode()
    lab.ssh = {"address": "127.0.0.1", "port": server.port, "username": "tester"}
    assert lab.exporter is not None
    lab.exporter.stop(soft_s=0)
    lab.start_exporter()
    lab.write_env(ssh={"key": "lab_key", "host_key": host_key})
    lease = Lease.take(order)
    assert lease.ssh is not None
    address = SshAddress(lease.ssh.port, base64.b64decode(host_key), lease.ssh.address, "tester")
    shell = SshShell(address, KeyPair.read(Path(lease.ssh.key)))
    assert shell.run("echo here; exit 3", timeout_s=30).status == 3
    shell.close()
    server.close()
    lease.end()


def test_a_key_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("no key")
    with pytest.raises(ShellError, match="is not a private key that can be used"):
        KeyPair.read(file)


def test_an_agent_ends_with_its_input_while_it_waits(
    tmp_path: Path, lab: LoopbackLab, order: LeaseOrder
) -> None:
    held = [Lease.take(order), Lease.take(order)]
    agent = subprocess.Popen(
        [sys.executable, "-m", "harness.lab.agent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert agent.stdin is not None
    agent.stdin.write(words.encode({words.ASK: words.LEASE, "env": str(lab.env)}))
    agent.stdin.close()
    until(lambda: agent.poll() is not None, "the agent ended")
    for lease in held:
        lease.end()
    assert lab.acquired() == {}
