# SPDX-License-Identifier: BSD-3-Clause
"""Hosts from the state that their first boot left.

The state is taken when init is through and before anybody has said a word to the host: keys
and the time of day are given to each host after it came up, in either way.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from harness.deadline import Deadline
from harness.errors import HarnessError, MachineError
from harness.host import boot as boot_module
from harness.host.boot import CONSOLES, HostStack, kernel_symbols_key, prepare_boot
from harness.host.host import BOOT_TIMEOUT_S, Host, HostKeys
from harness.host.states import StateStore, StoreError
from harness.machine import Machine, TapPlugin, argv
from harness.machine.kernel_map import KernelMap

REARM = "/usr/bin/cca-rearm"
"""Lets the host's timers go on: QEMU does not keep when the one of EL2 is due."""

_WIRING = [Path(str(module.__file__)).read_bytes() for module in (boot_module, argv)]
"""That code, as it was when it was loaded: it may be edited while a session runs."""

_INCOMING = ("-incoming", "defer")
_CAPABILITIES = [{"capability": "mapped-ram", "state": True}]
_BANDWIDTH = 1 << 40
_TRANSFER_TIMEOUT_S = 120.0
_SYMBOLS_TIMEOUT_S = 300.0
_POLL_S = 0.005


class SnapshotError(MachineError):
    """QEMU could not write or take a state."""


class SnapshotHosts:
    """Starts hosts of one stack; the first boot leaves the state that all others begin with."""

    def __init__(
        self,
        built: HostStack,
        folder: Path,
        *,
        tap: TapPlugin | None = None,
        note: Callable[[str], None] = print,
    ) -> None:
        """Keep states in ``folder``; ``note`` is told why a state could not be used."""
        self.built = built
        self.tap = tap
        self.key = state_key(built)
        self._states = StateStore(folder)
        self._note = note

    def start(self, run_dir: Path, keys: HostKeys | None = None) -> Host:
        """Return a host that serves both shells.

        From the state; without one, or if it does not work, from a cold boot. Raises what
        ``Host.boot`` does.
        """
        run_dir.mkdir(parents=True, exist_ok=True)
        symbols = KernelMap(self._symbols)
        host = self._from_state(run_dir, keys)
        host.machine.kernel_map = symbols
        return host

    def _from_state(self, run_dir: Path, keys: HostKeys | None) -> Host:
        try:
            state = self._states.find(self.key) or self._make(run_dir)
        except (SnapshotError, StoreError) as problem:
            return self._cold(run_dir, keys, problem)
        try:
            return restore(self.built, state, run_dir, tap=self.tap, keys=keys)
        except HarnessError as problem:
            with contextlib.suppress(StoreError):
                self._states.remove(self.key)
            return self._cold(run_dir, keys, problem)

    @cached_property
    def _symbols(self) -> Path:
        return self._states.beside(f"symbols-{kernel_symbols_key(self.built)}")

    def _make(self, run_dir: Path) -> Path:
        def make(file: Path) -> None:
            save(self.built, file, run_dir, symbols=self._symbols)

        return self._states.obtain(self.key, make)

    def _cold(self, run_dir: Path, keys: HostKeys | None, problem: HarnessError) -> Host:
        self._note(f"no snapshot of the host, a cold boot instead: {problem.message}")
        return Host.boot(self.built, run_dir, tap=self.tap, keys=keys)


def state_key(built: HostStack) -> str:
    """Everything that a state must fit: the stack, and how its machine is wired."""
    return hashlib.sha256(b"\0".join([built.hash.encode(), *_WIRING])).hexdigest()


def save(built: HostStack, file: Path, run_dir: Path, *, symbols: Path | None = None) -> None:
    """Boot a host and write its state, before anybody has spoken to it. Raises SnapshotError.

    Afterwards the host says what is where in its kernel, unless ``symbols`` is there already:
    distributions do not ship the kernel's map.
    """
    boot = prepare_boot(built, run_dir)
    with Machine.launch(boot, run_dir, name="snapshot", shared_ram=False, consoles=CONSOLES) as m:
        host = Host(m, HostKeys(), "cold boot")
        host.await_ready(BOOT_TIMEOUT_S)
        try:
            m.qmp("stop")
            m.qmp("migrate-set-parameters", max_bandwidth=_BANDWIDTH)
            m.qmp("migrate-set-capabilities", capabilities=_CAPABILITIES)
            m.qmp("migrate", uri=f"file:{file}")
            _await_transfer(m, "write")
        except SnapshotError:
            raise
        except MachineError as problem:
            raise SnapshotError(
                f"QEMU cannot write the host's state: {problem.message}"
            ) from problem
        if symbols is not None and not symbols.exists():
            m.qmp("cont")
            host.welcome()
            _keep_symbols(host, symbols)


def _keep_symbols(host: Host, file: Path) -> None:
    text = host.ssh.run("grep -i ' [tw] ' /proc/kallsyms", timeout_s=_SYMBOLS_TIMEOUT_S).output
    draft = file.with_suffix(".draft")
    with contextlib.suppress(OSError):  # names are a help, no more
        draft.write_text(text)
        draft.replace(file)
    host.ssh.close()


def restore(
    built: HostStack,
    state: Path,
    run_dir: Path,
    *,
    tap: TapPlugin | None = None,
    keys: HostKeys | None = None,
) -> Host:
    """Start a host from a state. Raises ``SnapshotError``, and what a machine does."""
    boot = prepare_boot(built, run_dir, extra=_INCOMING)
    machine = Machine.launch(
        boot, run_dir, name="host", shared_ram=False, tap=tap, consoles=CONSOLES
    )
    try:
        machine.qmp("migrate-set-capabilities", capabilities=_CAPABILITIES)
        machine.qmp("migrate-incoming", uri=f"file:{state}")
        _await_transfer(machine, "take")
        machine.alarms.count("reboot")
        machine.qmp("cont")
        host = Host(machine, keys or HostKeys(), "snapshot")
        host.welcome(first=REARM)
    except BaseException:
        machine.stop(soft_s=0)
        raise
    return host


def _await_transfer(machine: Machine, verb: str) -> None:
    until = Deadline.after(_TRANSFER_TIMEOUT_S)
    while True:
        machine.check()
        answer = machine.qmp("query-migrate")
        facts = answer if isinstance(answer, dict) else {}
        if facts.get("status") == "completed":
            return
        if facts.get("status") == "failed" or until.expired:
            said = facts.get("error-desc") or facts.get("status")
            raise SnapshotError(f"QEMU could not {verb} the host's state: {said}")
        time.sleep(_POLL_S)
