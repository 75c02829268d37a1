# SPDX-License-Identifier: BSD-3-Clause
"""Hosts from the state of an earlier boot: sound as if they had just booted."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from harness.host import Host, HostKeys, SnapshotHosts
from harness.host.states import StateStore
from harness.shell import ShellError
from harness.shell.ssh import SshAddress, SshShell
from harness.stack import BuiltStack, Cache

pytestmark = pytest.mark.linux

_CLOCK_ERROR_S = 120


def test_a_restored_host_has_the_time_of_day(host: Host) -> None:
    """The clock is right however old the state is, and goes on."""
    assert abs(int(host.shell.run("date +%s", check=True).output) - time.time()) < _CLOCK_ERROR_S
    before, after = (float(host.shell.run("cut -d' ' -f1 /proc/uptime").output) for _ in range(2))
    assert after >= before


def test_ssh_takes_only_the_keys_of_this_run(host: Host) -> None:
    """Neither another client nor another server passes: keys are not those of the state."""
    stranger = HostKeys()
    other_client = SshShell(host.ssh.address, stranger.client)
    with pytest.raises(ShellError, match=r"no SSH connection to root@127.0.0.1:.*Authentication"):
        other_client.run("true")
    address = SshAddress(host.ssh_port, stranger.host.public_blob)
    with pytest.raises(ShellError, match="the server shows another key than the host was given"):
        SshShell(address, host.keys.client).run("true")


def test_hosts_of_one_state_draw_different_random_numbers(
    host: Host, host_stack: BuiltStack, own_folder: Path
) -> None:
    """Each gets a seed of its own."""
    command = "head -c 16 /dev/urandom | base64"
    other = SnapshotHosts(host_stack, Cache().root / "hosts").start(own_folder)
    try:
        assert other.shell.run(command).output != host.shell.run(command).output
    finally:
        other.stop()


@pytest.mark.slow
def test_a_damaged_state_is_made_again(host_stack: BuiltStack, own_folder: Path) -> None:
    """A file that was cut short is not loaded; the next boot leaves a whole one."""
    store = own_folder / "hosts"
    notes: list[str] = []
    hosts = SnapshotHosts(host_stack, store, note=notes.append)
    known = Cache().root / "hosts" / hosts.key
    if not known.is_dir():
        pytest.skip("no state is there yet: the host comes from a cold boot")
    store.mkdir()
    subprocess.run(["cp", "-r", "--sparse=always", str(known), str(store)], check=True)
    damaged = store / hosts.key / "state"
    os.truncate(damaged, damaged.stat().st_size // 2)
    host = hosts.start(own_folder / "run")
    try:
        assert (host.origin, notes) == ("snapshot", [])
        assert host.shell.run("echo here").output == "here\n"
        assert StateStore(store).find(hosts.key) == damaged
    finally:
        host.stop()
        shutil.rmtree(store)
