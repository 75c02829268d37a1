# SPDX-License-Identifier: BSD-3-Clause
"""What comes of something a realm does: it goes on, or its REC exits to the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.abi import Value, tables
from harness.model.verdict import Verdict

_EXIT = tables().struct("RmiRecExit")
_REASONS = tables().enum("RmiRecExitReason")
GPRS = 31

SHARED = frozenset(
    f.name
    for f in _EXIT.fields
    if f.name.startswith(("gicv3_", "cntp_", "cntv_")) or f.name == "pmu_ovf_status"
)
"""Fields that every exit carries and that the model does not predict (GIC, timers, PMU)."""


@dataclass(frozen=True, slots=True)
class RealmException:
    """An exception that the realm takes: class, possible fault status codes, address."""

    ec: int
    fault_status: frozenset[int] = frozenset()
    ipa: int | None = None

    def accepts(self, esr: int) -> bool:
        """The realm's ESR_EL1 is one of those predicted."""
        return esr >> 26 == self.ec and (not self.fault_status or esr & 0x3F in self.fault_status)


@dataclass(frozen=True, slots=True)
class Continues:
    """The realm goes on.

    ``verdict`` is about the registers after an SMC, ``value`` what an emulated read put into
    its register, ``written`` memory (IPA, bytes) that the RMM wrote. ``retried`` says that
    the instruction which caused the last exit is executed again.
    """

    verdict: Verdict | None = None
    exception: RealmException | None = None
    value: int | None = None
    written: tuple[int, bytes] | None = None
    retried: bool = False


@dataclass(frozen=True, slots=True)
class Exits:
    """RMI_REC_ENTER returns; every field of RmiRecExit not named is zero.

    ``unspecified`` gives, for some fields, the bits that may be anything. ``other`` is what
    the exit may be instead.
    """

    reason: int
    fields: Mapping[str, int]
    gprs: tuple[int, ...] = ()
    unspecified: Mapping[str, int] = field(default_factory=dict)
    other: Exits | None = None

    @property
    def reason_name(self) -> str:
        """The reason by its name in the tables."""
        return next(name for name, code in _REASONS.items() if code == self.reason)

    def mismatches(self, record: Mapping[str, Value]) -> list[str]:
        """Compare with a decoded RmiRecExit; one line for each field that differs."""
        if self.other is not None and not self.other.mismatches(record):
            return []
        found = []
        for name, seen in record.items():
            wanted = self._wanted(name)
            if name not in SHARED and not self._same(name, wanted, seen):
                found.append(f"{name}: wanted {_shown(wanted)}, seen {_shown(seen)}")
        return found

    def _wanted(self, name: str) -> Value:
        if name == "exit_reason":
            return self.reason
        if name == "gprs":
            return (*self.gprs, *[0] * (GPRS - len(self.gprs)))
        return self.fields.get(name, 0)

    def _same(self, name: str, wanted: Value, seen: Value) -> bool:
        if isinstance(wanted, int) and isinstance(seen, int):
            return (wanted ^ seen) & ~self.unspecified.get(name, 0) == 0
        return wanted == seen


Outcome = Continues | Exits


def _shown(value: Value) -> str:
    if isinstance(value, tuple):
        return str({f"x{n}": hex(v) for n, v in enumerate(value) if v})
    return hex(value) if isinstance(value, int) else repr(value)


@dataclass(frozen=True, slots=True)
class EnterVerdict(Verdict):
    """The verdict on an RMI_REC_ENTER that enters; ``entry`` says how the realm resumes.

    An ``entry`` of kind :class:`Exits` means that the realm did not run at all.
    """

    entry: Outcome


def exits(
    reason: str,
    *,
    gprs: tuple[int, ...] = (),
    unspecified: Mapping[str, int] | None = None,
    **fields: int,
) -> Exits:
    """Build an exit by the reason's name in the tables."""
    return Exits(_REASONS[reason], fields, gprs, unspecified or {})
