# SPDX-License-Identifier: BSD-3-Clause
"""The two shells of a Linux host: the same calls, the same results."""

from __future__ import annotations

import os

import pytest

from harness.errors import AlarmRaised
from harness.host import Host
from harness.shell import Shell, ShellCommandFailed, ShellTimeout

pytestmark = pytest.mark.linux


@pytest.fixture(params=["serial", "ssh"])
def shell(request: pytest.FixtureRequest, host: Host) -> Shell:
    """Each of the two."""
    return host.serial if request.param == "serial" else host.ssh


def test_both_shells_give_the_same_output_and_status(host: Host) -> None:
    """A command's output, in the order of writing, and its status do not depend on the line."""
    command = "echo out; echo err >&2; ls /; pwd; cat /proc/version; exit 7"
    serial, ssh = host.serial.run(command), host.ssh.run(command)
    assert (serial.status, ssh.status) == (7, 7)
    assert serial.output == ssh.output
    assert serial.output.startswith("out\nerr\n")


def test_what_the_kernel_prints_is_no_output_of_the_console_shell(host: Host) -> None:
    """A message on the console is not the command's; what ``dmesg`` shows is, on both lines."""
    say = "echo '<4>made up' > /dev/kmsg"
    assert host.serial.run(f"echo a; {say}; printf b; {say}; echo c").output == "a\nbc\n"
    assert host.machine.consoles["host"].tail(100).count("made up") == 2
    log = host.serial.run(f"{say}; dmesg").output
    assert log.count("made up\n") == 3
    assert host.ssh.run("dmesg").output.startswith(log)


def test_commands_files_and_deadlines_of_a_shell(shell: Shell) -> None:
    """One host serves what a shell must do: much output, signals, files, an end of waiting."""
    assert shell.run("seq 5000").output.split() == [str(n) for n in range(1, 5001)]
    killed = shell.run("echo last words; kill -9 $$")
    assert (killed.status, killed.output) == (137, "last words\n")
    data = os.urandom(5000)
    shell.put(data, "/tmp/data", 0o600)
    assert shell.run("stat -c %a /tmp/data").output == "600\n"
    assert shell.get("/tmp/data") == data
    with pytest.raises(ShellCommandFailed, match="No such file"):
        shell.run("cat /nothing", check=True)
    with pytest.raises(ShellTimeout, match="did not end within 1 s"):
        shell.run("sleep 1234", timeout_s=1)
    assert shell.run("ps | grep -c '[s]leep 1234'").output == "0\n"


def test_a_process_that_runs_on_is_talked_to_and_killed(host: Host) -> None:
    """Several processes have a transcript, an input and a status of their own."""
    one = host.ssh.start("while read line; do echo got $line; done; exit 5", name="one")
    two = host.ssh.start("echo here; sleep 1234 & sleep 1234", name="two")
    one.send("first\nsecond\n")
    one.expect("got second", 10)
    two.expect("here", 10)
    two.kill("TERM")
    assert two.wait(10) == 143
    host.ssh.run("while ps | grep -q '[s]leep 1234'; do sleep 1; done", timeout_s=20)
    assert one.poll() is None
    one.close()
    assert one.poll() == 137
    assert one.transcript.read_bytes() == b"got first\ngot second\n"


def test_an_alarm_on_a_console_ends_the_wait_for_a_command(host: Host) -> None:
    """What the kernel says on its console matters more than the command that is waited for."""
    line = "BUG: made up by a test"
    process = host.ssh.start(f"echo '{line}' > /dev/ttyAMA0; sleep 1234")
    with pytest.raises(AlarmRaised, match="kernel-bug on console 'host': BUG: made up"):
        process.wait(60)
    host.stop()
