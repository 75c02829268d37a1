# SPDX-License-Identifier: BSD-3-Clause
"""The leak oracle's books: who delegated which granule, and was it given back.

The ledger watches every RMI call that passes a link. It believes only successful
results, so that what it says is what the RMM confirmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.abi import tables
from harness.types import Pa

_STATUS = tables().bitfield("RmiCommandReturnCode").bits("status")
_DELEGATE = tables().command("RMI_GRANULE_DELEGATE").fid
_UNDELEGATE = tables().command("RMI_GRANULE_UNDELEGATE").fid
_OWNERS = {
    tables().command("RMI_REALM_CREATE").fid: (1, "RD"),
    tables().command("RMI_REC_CREATE").fid: (2, "REC"),
    tables().command("RMI_RTT_CREATE").fid: (2, "RTT"),
    tables().command("RMI_DATA_CREATE").fid: (2, "DATA"),
    tables().command("RMI_DATA_CREATE_UNKNOWN").fid: (2, "DATA"),
}


@dataclass(frozen=True, slots=True)
class Delegation:
    """One granule that is delegated: which call did it, what it was used for last."""

    addr: Pa
    call_number: int
    used_as: str = "DELEGATED"

    def __str__(self) -> str:
        return f"{self.addr} delegated by call #{self.call_number}, last used as {self.used_as}"


class Ledger:
    """Observes SMCs; knows which granules are delegated and which were."""

    def __init__(self) -> None:
        self.calls = 0
        self._open: dict[int, Delegation] = {}
        self._returned: set[int] = set()

    def begin(self) -> None:
        """Start the books of a new test; what is still open stays open."""
        self._returned.clear()
        self.calls = 0

    def observe(self, args: Sequence[int], results: Sequence[int]) -> None:
        """Take note of one SMC: ``args`` is x0.. before (missing ones are 0), ``results`` after."""
        self.calls += 1
        if results[0] > 0xFFFF or _STATUS.get(results[0]) != 0:
            return
        fid, first, second = (*args, 0, 0)[:3]
        if fid == _DELEGATE:
            self._open[first] = Delegation(Pa(first), self.calls)
        elif fid == _UNDELEGATE:
            self._open.pop(first, None)
            self._returned.add(first)
        elif fid in _OWNERS:
            register, use = _OWNERS[fid]
            self._use((fid, first, second)[register], use)

    def _use(self, addr: int, use: str) -> None:
        if known := self._open.get(addr):
            self._open[addr] = Delegation(known.addr, known.call_number, use)

    def is_delegated(self, addr: Pa | int) -> bool:
        """The RMM confirmed that this granule is delegated."""
        return addr in self._open

    def leaks(self) -> list[Delegation]:
        """Granules delegated and not given back, oldest first."""
        return sorted(self._open.values(), key=lambda d: d.call_number)

    def returned(self) -> list[Pa]:
        """Granules given back since :meth:`begin` and not delegated again."""
        return [Pa(addr) for addr in sorted(self._returned - self._open.keys())]

    def forget(self, addr: Pa | int) -> None:
        """The host wrote to a granule that it had got back: contents say nothing now."""
        self._returned.discard(int(addr))
