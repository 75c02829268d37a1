# SPDX-License-Identifier: BSD-3-Clause
"""RMM rules that need no model: what the RMM does towards EL3, and with RECs on several PEs.

That its answers are right is ``model-verdict``, which the judge gets from ``harness.tap.replay``.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.abi import tables
from harness.tap.events import Call, Return
from harness.tap.rules.books import Books
from harness.tap.rules.rule import Found, Rule, Side

_ENTER = "RMI_REC_ENTER"
_DELEGATE, _UNDELEGATE = "RMI_GRANULE_DELEGATE", "RMI_GRANULE_UNDELEGATE"
_AT_EL3 = {_DELEGATE: "RMM_GTSI_DELEGATE", _UNDELEGATE: "RMM_GTSI_UNDELEGATE"}
_EL3_FID = {tables().command(n).fid: tables().command(e).fid for n, e in _AT_EL3.items()}


class ModelVerdict(Rule):
    """Every answer and every exit; ``harness.tap.replay`` says what cannot be judged."""

    name = "model-verdict"
    side = Side.RMM
    source = "ABI tables, as harness.model reads them"
    says = "every answer is one that the tables allow in the state of that moment"


class GptChanged(Rule):
    """The answer may only come after EL3 has changed the granule's address space."""

    name = "gpt-changed"
    side = Side.RMM
    source = "state-machines 1, GPT PAS; RMM_GTSI_DELEGATE, RMM_GTSI_UNDELEGATE"
    says = "a granule is delegated or undelegated only together with EL3's granule tables"
    watches = (_DELEGATE, _UNDELEGATE, *_AT_EL3.values())

    def __init__(self) -> None:
        self._under_way: dict[int, Call] = {}
        self._done: dict[int, Return] = {}

    def call(self, call: Call, books: Books) -> Found:
        """A call of the host begins."""
        del books
        record = call.record
        if record.x[0] in _EL3_FID:
            self._under_way[record.cpu] = call
            self._done.pop(record.cpu, None)
        return ()

    def back(self, seen: Return, books: Books) -> Found:
        """EL3 did it for this granule exactly when the RMM says that it is done."""
        assert seen.call is not None
        fid, cpu = seen.call.record.x[0], seen.record.cpu
        if fid not in _EL3_FID:
            if seen.ok:
                self._done[cpu] = seen
            return ()
        host, done = self._under_way.pop(cpu, None), self._done.pop(cpu, None)
        if host is not seen.call or not books.complete:
            return ()
        was_done = done is not None and _asked(done) == (_EL3_FID[fid], host.record.x[1])
        return () if seen.ok is was_done else self._differs(host, done, seen)

    def _differs(self, host: Call, done: Return | None, seen: Return) -> Found:
        wanted = _AT_EL3[host.name]
        events = (seen,) if done is None else (done, seen)
        text = f"{wanted} of {host.x[1]:#x} was not done"
        if not seen.ok:
            text = f"{wanted} was done, and yet the call failed"
        yield self.broken(text, *events, first=host.seq)

    def lost(self) -> None:
        """What was done at EL3 may be among it."""
        self._under_way.clear()
        self._done.clear()


def _asked(seen: Return) -> tuple[int, ...]:
    return seen.call.record.x[:2] if seen.call is not None else ()


@dataclass(slots=True)
class _Entry:
    """An entry that is under way: what its realm did last, and what it did last elsewhere."""

    call: Call
    ran: Call | Return | None = None
    elsewhere: Call | Return | None = None

    def ran_before(self, call: Call) -> bool:
        return self.ran is not None and self.ran.seq < call.seq


class RecRunsOnce(Rule):
    """The proof: a realm's SMC on one PE, then one on another or a whole entry there, then one
    on the first again, all within one entry of the first."""

    name = "rec-runs-once"
    side = Side.RMM
    source = "RMI_REC_ENTER rec_state; state-machines 3, REC states"
    says = "a REC runs on one PE at a time"
    watches = (_ENTER,)
    realm = True

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}

    def call(self, call: Call, books: Books) -> Found:
        """An entry begins."""
        del books
        self._entries[call.cpu] = _Entry(call)
        return ()

    def back(self, seen: Return, books: Books) -> Found:
        """An entry is over; one that succeeded ran what nobody else may have run meanwhile."""
        del books
        over = self._entries.pop(seen.cpu, None)
        if over is None or not seen.ok:
            return ()
        for other in self._entries.values():
            if other.call.x[1] == over.call.x[1] and other.ran_before(over.call):
                other.elsewhere = seen
        return ()

    def of_realm(self, event: Call | Return, books: Books) -> Found:
        """Nobody else ran it since this entry's realm did."""
        del books
        mine = self._entries.get(event.cpu)
        if mine is None or mine.call.x[1] != event.record.rec:
            return
        if mine.ran is not None and mine.elsewhere is not None:
            text = f"REC {event.rec} runs on CPUs {event.cpu} and {mine.elsewhere.cpu} at once"
            yield self.broken(text, mine.ran, mine.elsewhere, event)
        mine.ran, mine.elsewhere = event, None
        for cpu, other in self._entries.items():
            if cpu != event.cpu and other.call.x[1] == event.record.rec:
                other.elsewhere = event

    def lost(self) -> None:
        """Entries may be over."""
        self._entries.clear()


class LiveTable(Rule):
    """Judged by success: hosts may ask, for the answer tells them where to go on."""

    name = "live-table"
    side = Side.RMM
    source = "RMI_RTT_DESTROY rtt_live; state-machines 4, walk, liveness, top; KVM 15"
    says = "no table is destroyed while something is mapped below it"
