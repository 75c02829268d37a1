# SPDX-License-Identifier: BSD-3-Clause
"""The normal world as a test uses it: RMI calls, memory, granules.

Everything goes through one link, so it is the same over shared memory and serial.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from harness.deadline import Deadline
from harness.errors import AbiError, RealmError
from harness.link import BATCH_BYTES, Link, MailboxLink, Outcome
from harness.realm.ledger import Ledger
from harness.realm.pool import GranulePool, granules
from harness.realm.unwind import afterwards, on_failure
from harness.rmi import CommandFailed, Result, Rmi
from harness.types import GRANULE_BYTES, Pa


class NormalWorld:
    """RMI, memory and granules of one machine's host side."""

    def __init__(self, link: Link, pool: GranulePool, ledger: Ledger) -> None:
        self.link = link
        self.pool = pool
        self.ledger = ledger
        self.rmi = Rmi(link)
        self._vmids: set[int] = set()
        if isinstance(link, MailboxLink):
            link.batch_area = pool.reserve(BATCH_BYTES)

    @cached_property
    def features(self) -> int:
        """Feature register 0 of the RMM."""
        return self.rmi.features(0).require().value

    def page(self, content: bytes = b"", *, count: int = 1, align_bytes: int = GRANULE_BYTES) -> Pa:
        """Take normal-world granules, filled with ``content`` and zeros behind it."""
        base = self.pool.take(count, align_bytes=align_bytes)
        self.write(base, content.ljust(count * GRANULE_BYTES, b"\0"))
        return base

    def delegated(self, count: int = 1, *, align_bytes: int = GRANULE_BYTES) -> Pa:
        """Take granules and delegate each; CommandFailed if the RMM refuses one."""
        base = self.pool.take(count, align_bytes=align_bytes)
        self.delegate(base, count)
        return base

    def delegate(self, base: Pa | int, count: int = 1) -> None:
        """Delegate adjacent granules: all, or none and CommandFailed if the RMM refuses one."""
        self.delegate_each(granules(Pa(base), count))

    def delegate_each(self, granules: Sequence[Pa | int]) -> None:
        """Delegate granules, wherever they lie: all or none, as ``delegate``."""
        rows = [(int(granule),) for granule in granules]
        done = self.rmi.each("RMI_GRANULE_DELEGATE", rows, stop_at_failure=True)
        with on_failure(lambda: self.undelegate_each(granules[: len(done) - 1])):
            for last in done[-1:]:
                last.require()

    @contextmanager
    def lending(self, *granules: Pa) -> Iterator[Pa]:
        """Delegate granules for the command in the block; give them back if it fails.

        The first of them is the block's value.
        """
        self.delegate_each(granules)
        with on_failure(lambda: self.undelegate_each(granules), AbiError, CommandFailed):
            yield granules[0]

    def undelegate(self, base: Pa | int, count: int = 1) -> None:
        """Give granules back; CommandFailed if the RMM refuses one."""
        self.undelegate_each(granules(Pa(base), count))

    def undelegate_each(self, granules: Iterable[Pa | int]) -> None:
        """Give granules back, wherever they lie; CommandFailed if the RMM refuses one."""
        rows = [(int(granule),) for granule in granules]
        for result in self.rmi.each("RMI_GRANULE_UNDELEGATE", rows, stop_at_failure=True):
            result.require()

    def try_undelegate(self, base: Pa | int) -> Result:
        """RMI_GRANULE_UNDELEGATE, whatever it answers."""
        return self.rmi.granule_undelegate(base)

    def write(self, pa: Pa | int, data: bytes) -> None:
        """Write normal-world memory."""
        for granule in range(int(pa) & -GRANULE_BYTES, int(pa) + len(data), GRANULE_BYTES):
            self.ledger.forget(granule)
        self.link.write(Pa(pa), data)

    def read(self, pa: Pa | int, size_bytes: int) -> bytes:
        """Read normal-world memory."""
        return self.link.read(Pa(pa), size_bytes)

    def peek(self, pa: Pa | int, width_bytes: int = 8) -> Outcome:
        """Let the PE itself read; a granule protection fault is part of the outcome."""
        return self.link.peek(Pa(pa), width_bytes)

    def poke(self, pa: Pa | int, value: int, width_bytes: int = 8) -> Outcome:
        """Let the PE itself write; a granule protection fault is part of the outcome."""
        self.ledger.forget(int(pa) & -GRANULE_BYTES)
        return self.link.poke(Pa(pa), width_bytes, value)

    @contextmanager
    def interrupt_pending(self, *, pe: int = 0, timeout_s: float = 5.0) -> Iterator[None]:
        """Have an interrupt of the host, its EL2 timer, pending for a PE within the block."""
        deadline = Deadline.after(timeout_s)
        self.link.timer(1, pe=pe)
        with afterwards(lambda: self.link.timer(0, pe=pe)):
            while self.link.irq_pending(pe=pe) is None:
                if deadline.expired:
                    raise RealmError(f"the EL2 timer of PE {pe} is not pending after {timeout_s} s")
            yield

    def new_vmid(self) -> int:
        """A VMID that no other living realm of this machine has; 1 upwards."""
        vmid = next(n for n in range(1, 1 << 16) if n not in self._vmids)
        self._vmids.add(vmid)
        return vmid

    def release_vmid(self, vmid: int) -> None:
        """The realm with this VMID is gone."""
        self._vmids.discard(vmid)
