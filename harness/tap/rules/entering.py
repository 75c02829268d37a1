# SPDX-License-Identifier: BSD-3-Clause
"""Host rules about RMI_REC_ENTER: what must be done before, and what the entry carries."""

from __future__ import annotations

from harness.abi import tables
from harness.model.params import EnterArea
from harness.tap.events import Call, Return
from harness.tap.rules.books import (
    AFFINITY_INFO,
    CPU_ON,
    PSCI_EXIT,
    RIPAS_EXIT,
    SYNC_EXIT,
    Books,
    RecPage,
)
from harness.tap.rules.rule import Found, Rule, Side

_ENTER = "RMI_REC_ENTER"
_HCR_MASK = tables().bitfield("ICH_HCR_EL2_permitted").mask or 0
_EC_DATA_ABORT, _ISV, _SAS_SHIFT, _WNR = 0x24, 1 << 24, 22, 1 << 6
_HPFAR = ((1 << 40) - 1) << 4


def _entered(call: Call, books: Books) -> tuple[RecPage, EnterArea] | None:
    """The REC and what it is entered with, if both are known."""
    rec = books.recs.get(call.x[1])
    if rec is None or call.memory is None or call.name != _ENTER:
        return None
    return rec, EnterArea.decode(call.memory.data)


def _emulatable(rec: RecPage) -> bool:
    """The last exit was a data abort that the host may emulate."""
    esr = rec.number("esr")
    return rec.exited_by == SYNC_EXIT and esr >> 26 == _EC_DATA_ABORT and bool(esr & _ISV)


class RipasAnswered(Rule):
    """Answered: RMI_RTT_SET_RIPAS succeeded for this REC, or the entry says "rejected"."""

    name = "ripas-answered"
    side = Side.HOST
    source = "exits 6; KVM 21"
    says = "a RIPAS change is worked on or rejected before the REC is entered again"
    watches = (_ENTER, "RMI_RTT_SET_RIPAS")

    def __init__(self) -> None:
        self._done: dict[int, int] = {}

    def back(self, seen: Return, books: Books) -> Found:
        """Remember progress."""
        del books
        if seen.call is not None and seen.ok and seen.name == "RMI_RTT_SET_RIPAS":
            self._done[seen.call.x[2]] = seen.seq
        return ()

    def call(self, call: Call, books: Books) -> Found:
        """There was progress since the exit, or the flag is set."""
        found = _entered(call, books)
        if found is None or found[0].exited_by != RIPAS_EXIT or found[0].last is None:
            return
        rec, area = found
        progress = self._done.pop(rec.pa, 0)
        if progress < found[0].last.seq and not area.has("RIPAS_RESPONSE"):
            window = f"[{rec.number('ripas_base'):#x}, {rec.number('ripas_top'):#x})"
            text = f"nothing was done about {window}, and it was not rejected"
            yield self.broken(text, found[0].last, call)

    def lost(self) -> None:
        """The books have no exit that could be compared with."""
        self._done.clear()


class MmioAnswered(Rule):
    """An instruction is retried with good reason if memory was mapped there meanwhile.

    By whomever, since the entry that ended in the abort: another vCPU may have had the same.
    """

    name = "mmio-answered"
    side = Side.HOST
    source = "exits 2, next entry; KVM 22"
    says = "an emulatable abort is emulated, injected, or its page is mapped"
    watches = (_ENTER, "RMI_RTT_MAP_UNPROTECTED")

    def __init__(self) -> None:
        self._mapped: dict[int, int] = {}

    def back(self, seen: Return, books: Books) -> Found:
        """Remember that a realm's memory changed."""
        del books
        if seen.call is not None and seen.ok and seen.name == "RMI_RTT_MAP_UNPROTECTED":
            self._mapped[seen.call.x[1]] = seen.seq
        return ()

    def call(self, call: Call, books: Books) -> Found:
        """One of the flags is set, or something was mapped."""
        found = _entered(call, books)
        if found is None or found[0].last is None or not _emulatable(found[0]):
            return
        rec, area = found
        answered = area.has("EMUL_MMIO") or area.has("INJECT_SEA")
        entry = found[0].last.call or found[0].last
        if not answered and self._mapped.get(rec.rd, 0) < entry.seq:
            ipa = (rec.number("hpfar") & _HPFAR) << 8 | rec.number("far") & 0xFFF
            yield self.broken(f"the access to {ipa:#x} is just tried again", found[0].last, call)

    def lost(self) -> None:
        """The books have no exit that could be compared with."""
        self._mapped.clear()


class MmioOnlyAfterAbort(Rule):
    """Judged by the call: the RMM refuses it."""

    name = "mmio-only-after-abort"
    side = Side.HOST
    source = "RMI_REC_ENTER rec_mmio; exits 2, 11; KVM 22"
    says = "EMUL_MMIO is given only after an emulatable abort"
    watches = (_ENTER,)

    def call(self, call: Call, books: Books) -> Found:
        """The last exit was one."""
        found = _entered(call, books)
        if found is not None and found[1].has("EMUL_MMIO") and not _emulatable(found[0]):
            last = (found[0].last,) if found[0].last is not None else ()
            yield self.broken("the last exit was no emulatable abort", *last, call)


class MmioValue(Rule):
    """A register that still holds what the last entry had is no value: the page is reused."""

    name = "mmio-value"
    side = Side.HOST
    source = "exits 2, next entry; KVM 22"
    says = "an emulated read brings a value of its size, an emulated write brings none"
    watches = (_ENTER,)

    def __init__(self) -> None:
        self._stale: dict[int, int] = {}

    def call(self, call: Call, books: Books) -> Found:
        """Look at gprs[0]."""
        found = _entered(call, books)
        if found is None:
            return
        rec, area = found
        value, before = area.gprs[0], self._stale.get(rec.pa, 0)
        self._stale[rec.pa] = value
        if rec.last is None or not area.has("EMUL_MMIO") or not _emulatable(rec):
            return
        esr = rec.number("esr")
        bits = 8 << (esr >> _SAS_SHIFT & 3)
        if esr & _WNR and value not in (0, before):
            yield self.broken(f"a write of {bits} bits brings {value:#x}", rec.last, call)
        elif not esr & _WNR and value >> bits:
            yield self.broken(f"a read of {bits} bits brings {value:#x}", rec.last, call)

    def lost(self) -> None:
        """Entries may be missing."""
        self._stale.clear()


class GicBits(Rule):
    """Judged by the call: the RMM refuses it."""

    name = "gic-hcr"
    side = Side.HOST
    source = "RMI_REC_ENTER rec_gicv3; exits 10; KVM 18"
    says = "only the permitted bits of ICH_HCR_EL2 are passed"
    watches = (_ENTER,)

    def call(self, call: Call, books: Books) -> Found:
        """No other bit is set."""
        del books
        if call.memory is None:
            return
        hcr = EnterArea.decode(call.memory.data).gicv3_hcr
        if hcr & ~_HCR_MASK:
            yield self.broken(f"gicv3_hcr {hcr:#x} has bits {hcr & ~_HCR_MASK:#x}", call)


class OnePe(Rule):
    """Judged by the calls: whether the RMM lets it happen is rule ``rec-runs-once``."""

    name = "one-pe"
    side = Side.HOST
    source = "state-machines 3, REC states; KVM 28"
    says = "a REC is never entered on two PEs at once"
    watches = (_ENTER,)

    def __init__(self) -> None:
        self._entered: dict[int, Call] = {}

    def call(self, call: Call, books: Books) -> Found:
        """No other CPU's entry of this REC is under way."""
        del books
        for cpu, other in self._entered.items():
            if cpu != call.cpu and other.x[1] == call.x[1]:
                yield self.broken(f"REC {call.x[1]:#x} is entered on two PEs", other, call)
        self._entered[call.cpu] = call

    def back(self, seen: Return, books: Books) -> Found:
        """An entry is over."""
        del books
        self._entered.pop(seen.cpu, None)
        return ()

    def lost(self) -> None:
        """Entries may be over."""
        self._entered.clear()


class PsciCompleted(Rule):
    """A target that runs already may go on: the RMM then answers ALREADY_ON or ON."""

    name = "psci-completed"
    side = Side.HOST
    source = "exits 5; state-machines 3, psci_pending; KVM 30"
    says = "CPU_ON and AFFINITY_INFO are completed before caller or target are entered"
    watches = (_ENTER, "RMI_PSCI_COMPLETE", "RMI_REC_DESTROY")

    def __init__(self) -> None:
        self._pending: dict[int, tuple[int, int, Return]] = {}

    def back(self, seen: Return, books: Books) -> Found:
        """An exit makes a request pending, its completion ends it."""
        call = seen.call
        assert call is not None
        if call.name == "RMI_REC_DESTROY" or call.name == "RMI_PSCI_COMPLETE":
            if seen.ok:
                self._pending.pop(call.x[1], None)
        elif seen.ok and call.x[1] in books.recs:
            self._exited(seen, call.x[1], books.recs[call.x[1]].rd)
        return ()

    def _exited(self, seen: Return, rec: int, rd: int) -> None:
        fields = seen.structure or {}
        gprs = fields.get("gprs")
        if fields.get("exit_reason") != PSCI_EXIT or not isinstance(gprs, tuple):
            return
        if gprs[0] in (CPU_ON, AFFINITY_INFO):
            self._pending[rec] = rd, gprs[1] if gprs[0] == CPU_ON else -1, seen

    def call(self, call: Call, books: Books) -> Found:
        """Neither side of a request that is pending is entered."""
        if call.name != _ENTER:
            return
        rec = books.recs.get(call.x[1])
        if call.x[1] in self._pending:
            text = f"REC {call.x[1]:#x} is entered before its own request is completed"
            yield self.broken(text, self._pending[call.x[1]][2], call)
        for rd, target, seen in self._pending.values():
            if rec is not None and not rec.runnable and (rd, target) == (rec.rd, rec.mpidr):
                text = f"REC {rec.pa:#x} is entered before the CPU_ON for it is completed"
                yield self.broken(text, seen, call)

    def lost(self) -> None:
        """They may have been completed."""
        self._pending.clear()
