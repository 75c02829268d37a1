# SPDX-License-Identifier: BSD-3-Clause
"""A booted Linux host: its machine, its shells, its log, its end."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from harness.deadline import Deadline
from harness.errors import BootFailed, ConsoleError, MachineError
from harness.host.boot import CONSOLES, HostStack, prepare_boot
from harness.host.kernel_log import Level, LogLine, parse_log
from harness.machine import Machine, TapPlugin
from harness.shell import SerialShell, Shell
from harness.shell.keys import KeyPair
from harness.shell.records import torn
from harness.shell.ssh import SshAddress, SshShell

BOOT_TIMEOUT_S = 120.0
"""A cold boot takes four seconds on an idle machine, ten times that on a crowded one."""

_READY = torn(b"\x01cca:ready\x04")
_SETTLE_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 30.0
_POLL_S = 0.05
_FORWARDED = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s")

_WELCOME = """\
umask 077
date -s @{now} >/dev/null
echo {seed} > /dev/urandom
echo '{authorised}' > /root/.ssh/authorized_keys
printf '{host_key}' > /etc/dropbear/key
dropbear -r /etc/dropbear/key -s -P /run/dropbear.pid
"""


@dataclass(frozen=True, slots=True)
class HostKeys:
    """The keys of one run: what the host shows, and who may log in."""

    host: KeyPair = field(default_factory=KeyPair.generate)
    client: KeyPair = field(default_factory=KeyPair.generate)


class Host:
    """A Linux host in the normal world. Made by ``boot`` or ``restore``, ended by ``stop``."""

    def __init__(self, machine: Machine, keys: HostKeys, origin: str) -> None:
        """Internal: use ``boot`` or ``harness.host.snapshot``."""
        self.machine = machine
        self.keys = keys
        self.origin = origin
        """How it came up: "cold boot" or "snapshot"."""
        self.serial = SerialShell(machine.consoles["host"], "the host's console")
        self._ssh: SshShell | None = None
        self.dismissed = False
        """Whether ``stop`` ended it: what its consoles show of that says nothing."""

    @classmethod
    def boot(
        cls,
        built: HostStack,
        run_dir: Path,
        *,
        name: str = "host",
        tap: TapPlugin | None = None,
        keys: HostKeys | None = None,
        timeout_s: float = BOOT_TIMEOUT_S,
        arguments: str = "",
    ) -> Host:
        """Start a machine and wait until its host serves both shells.

        Raises ``BootFailed`` and what ``Machine.launch`` does.
        """
        run_dir.mkdir(parents=True, exist_ok=True)
        boot = prepare_boot(built, run_dir, arguments=arguments)
        machine = Machine.launch(
            boot, run_dir, name=name, shared_ram=False, tap=tap, consoles=CONSOLES
        )
        try:
            host = cls(machine, keys or HostKeys(), "cold boot")
            host.await_ready(timeout_s)
            host.welcome()
        except BaseException:
            machine.stop(soft_s=0)
            raise
        return host

    def await_ready(self, timeout_s: float = BOOT_TIMEOUT_S) -> None:
        """Wait until the host's init has come to its end. Raises ``BootFailed``."""
        until = Deadline.after(timeout_s)
        try:
            self.machine.consoles["host"].expect(_READY, until)
        except ConsoleError as problem:
            raise BootFailed(
                f"the host did not come up within {timeout_s:g} s: {problem.message}\n"
                f"{self.machine.describe()}",
                hint="the last lines say how far firmware, kernel and init came",
            ) from problem

    def welcome(self, first: str = "") -> None:
        """Give the host the time of day and this run's keys, start its SSH server.

        Its random numbers get a seed: all hosts of one snapshot would draw the same. ``first``
        is a command that must succeed before all that. Raises ``ShellCommandFailed``.
        """
        script = _WELCOME.format(
            now=int(time.time()),
            seed=secrets.token_hex(32),
            authorised=self.keys.client.public_line,
            host_key="".join(f"\\{byte:03o}" for byte in self.keys.host.dropbear),
        )
        before = f"{first} || exit\n" if first else ""
        self.serial.run(before + script, timeout_s=_SETTLE_TIMEOUT_S, check=True)

    @property
    def shell(self) -> Shell:
        """A shell; over SSH."""
        return self.ssh

    @property
    def ssh(self) -> SshShell:
        """The shell over SSH; connects at its first use."""
        if self._ssh is None:
            self._ssh = SshShell(
                SshAddress(self.ssh_port, self.keys.host.public_blob),
                self.keys.client,
                alarms=self.machine.alarms,
                check=self.machine.check,
                transcripts=self.machine.folder,
                name="SSH to the host",
            )
        return self._ssh

    @cached_property
    def ssh_port(self) -> int:
        """The port of 127.0.0.1 behind which the host's SSH server is."""
        text = str(self.machine.qmp("human-monitor-command", command_line="info usernet"))
        found = _FORWARDED.search(text)
        if found is None:
            raise MachineError(f"QEMU forwards no port to the host:\n{text}")
        return int(found[1])

    def kernel_log(self, minimum: Level = Level.DEBUG) -> list[LogLine]:
        """Return the kernel's log, of the lines those at least as severe as ``minimum``."""
        return parse_log(self.shell.run("dmesg -r", check=True).output, minimum)

    def boot_id(self) -> str:
        """Return what the kernel makes up at each boot: another one means a reboot."""
        return self.shell.run("cat /proc/sys/kernel/random/boot_id", check=True).output.strip()

    def reboot(self, timeout_s: float = BOOT_TIMEOUT_S) -> None:
        """Restart firmware and host, wait until both shells are served again."""
        self._forget_ssh()
        with self.machine.alarms.expected("reboot"):
            self.serial.console.send("sync; reboot -f\n")
            self.await_ready(timeout_s)
        self.welcome()

    def shutdown(self, *, forced: bool = False, timeout_s: float = _END_TIMEOUT_S) -> int | None:
        """Switch the host off; return QEMU's exit status.

        Orderly by default: everything gets SIGTERM, then the power goes off; forced ends QEMU.
        Raises ``MachineError`` if an orderly one does not come to its end.
        """
        self._forget_ssh()
        if forced:
            return self.machine.stop(soft_s=0)
        # TF-A asks QEMU for the end, waits for an interrupt, and panics if one comes before it.
        with self.machine.alarms.expected("el3-panic"):
            self._power_off(Deadline.after(timeout_s))
            return self.machine.stop(soft_s=2.0)

    def _power_off(self, until: Deadline) -> None:
        try:
            self.serial.console.send("kill -TERM -1; sync; poweroff -f\n")
        except ConsoleError as problem:
            raise self._ended_hard(f"cannot be told to end: {problem.message}") from problem
        while self.machine.alive:
            if until.expired:
                late = f"did not switch off in {until.timeout_s:g} s"
                raise self._ended_hard(late) from TimeoutError()
            time.sleep(_POLL_S)

    def _ended_hard(self, why: str) -> MachineError:
        seen = self.machine.describe()
        self.machine.stop(soft_s=0)
        return MachineError(f"the host {why}\n{seen}")

    def _forget_ssh(self) -> None:
        ssh, self._ssh = self._ssh, None
        if ssh is not None:
            ssh.drop()

    def stop(self) -> None:
        """End it without ceremony. Idempotent."""
        self.dismissed = True
        self._forget_ssh()
        self.machine.stop(soft_s=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
