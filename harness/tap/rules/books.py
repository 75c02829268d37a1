# SPDX-License-Identifier: BSD-3-Clause
"""What calls that succeeded make of granules, realms and RECs: facts, no predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from harness.abi import tables
from harness.abi.codec import Value
from harness.model.params import RealmParams, RecParams
from harness.tap.events import Call, Return
from harness.types import GRANULE_BYTES

_PSCI = tables()
CPU_ON, CPU_OFF = (_PSCI.command(name).fid for name in ("PSCI_CPU_ON", "PSCI_CPU_OFF"))
AFFINITY_INFO = _PSCI.command("PSCI_AFFINITY_INFO").fid
_REASON = _PSCI.enum("RmiRecExitReason")
PSCI_EXIT, RIPAS_EXIT, SYNC_EXIT = (_REASON[n] for n in ("PSCI", "RIPAS_CHANGE", "SYNC"))
_MOST_ROOTS = 16


class Use(StrEnum):
    """What a granule is used for."""

    RD = "RD"
    ROOT = "root table"
    TABLE = "table"
    REC = "REC"
    AUX = "auxiliary granule"
    DATA = "data"


@dataclass(slots=True)
class RealmPage:
    """A realm. ``created`` is its RMI_REALM_CREATE."""

    rd: int
    roots: tuple[int, ...]
    created: Call
    is_new: bool = True
    next_index: int = 0


@dataclass(slots=True)
class RecPage:
    """A REC. ``last`` is the return of its last entry, ``exit`` what it told, if recorded."""

    pa: int
    rd: int
    aux: tuple[int, ...]
    mpidr: int
    runnable: bool
    last: Return | None = None
    exit: Mapping[str, Value] | None = None

    def number(self, name: str) -> int:
        """A field of the last exit; 0 where none was seen."""
        value = self.exit[name] if self.exit is not None else 0
        return value if isinstance(value, int) else 0

    def gpr(self, register: int) -> int:
        """A register of the last exit; 0 where none was seen."""
        values = self.exit["gprs"] if self.exit is not None else ()
        return values[register] if isinstance(values, tuple) and values else 0

    @property
    def exited_by(self) -> int | None:
        """The reason of the last exit."""
        return self.number("exit_reason") if self.exit is not None else None


@dataclass(slots=True)
class Books:
    """Kept from a boot on, or from the last loss: then ``complete`` is False.

    ``delegated`` has the number of the RMI_GRANULE_DELEGATE for each granule that is not
    given back, ``uses`` what the used ones are used for, and the RD of the realm.
    """

    complete: bool = False
    delegated: dict[int, int] = field(default_factory=dict)
    uses: dict[int, tuple[Use, int]] = field(default_factory=dict)
    realms: dict[int, RealmPage] = field(default_factory=dict)
    recs: dict[int, RecPage] = field(default_factory=dict)

    def begin(self, *, complete: bool) -> None:
        """After a boot everything is known, after a loss nothing."""
        self.complete = complete
        for book in (self.delegated, self.uses, self.realms, self.recs):
            book.clear()

    def enter(self, seen: Return) -> None:
        """Write down what a call that returned has changed."""
        if seen.call is not None and not seen.record.x[0]:
            write = _ENTRIES.get(seen.call.record.x[0])
            if write is not None:
                write(self, seen.call, seen)

    def owner(self, pa: int) -> str:
        """What a granule is used for, in words."""
        if pa not in self.uses:
            return "nobody"
        use, rd = self.uses[pa]
        return f"{use} of realm {rd:#x}"


def roots_of(params: RealmParams) -> tuple[int, ...]:
    """The root tables that REALM_CREATE was given."""
    count = min(params.rtt_num_start, _MOST_ROOTS)
    return tuple(params.rtt_base + n * GRANULE_BYTES for n in range(count))


def realm_params(call: Call) -> RealmParams | None:
    """The parameters of RMI_REALM_CREATE, if they were recorded."""
    return RealmParams.decode(call.memory.data) if call.memory is not None else None


def rec_params(call: Call) -> RecParams | None:
    """The parameters of RMI_REC_CREATE, if they were recorded."""
    return RecParams.decode(call.memory.data) if call.memory is not None else None


def _delegate(books: Books, call: Call, _seen: Return) -> None:
    books.delegated[call.x[1]] = call.seq


def _undelegate(books: Books, call: Call, _seen: Return) -> None:
    books.delegated.pop(call.x[1], None)
    books.uses.pop(call.x[1], None)


def _realm_create(books: Books, call: Call, _seen: Return) -> None:
    params, rd = realm_params(call), call.x[1]
    roots = roots_of(params) if params is not None else ()
    books.realms[rd] = RealmPage(rd, roots, call)
    books.uses[rd] = (Use.RD, rd)
    books.uses.update(dict.fromkeys(roots, (Use.ROOT, rd)))


def _activate(books: Books, call: Call, _seen: Return) -> None:
    if call.x[1] in books.realms:
        books.realms[call.x[1]].is_new = False


def _realm_destroy(books: Books, call: Call, _seen: Return) -> None:
    realm = books.realms.pop(call.x[1], None)
    for pa in (call.x[1], *(realm.roots if realm is not None else ())):
        books.uses.pop(pa, None)


def _rec_create(books: Books, call: Call, _seen: Return) -> None:
    rd, pa, params = call.x[1], call.x[2], rec_params(call)
    if rd in books.realms:
        books.realms[rd].next_index += 1
    aux = params.aux if params is not None else ()
    runnable = params is None or params.is_runnable
    books.recs[pa] = RecPage(pa, rd, aux, params.mpidr if params else 0, runnable)
    books.uses[pa] = (Use.REC, rd)
    books.uses.update(dict.fromkeys(aux, (Use.AUX, rd)))


def _rec_destroy(books: Books, call: Call, _seen: Return) -> None:
    rec = books.recs.pop(call.x[1], None)
    for pa in (call.x[1], *(rec.aux if rec is not None else ())):
        books.uses.pop(pa, None)


def _rec_enter(books: Books, call: Call, seen: Return) -> None:
    rec = books.recs.get(call.x[1])
    if rec is not None:
        rec.last, rec.exit = seen, seen.structure
        if rec.exited_by == PSCI_EXIT and rec.gpr(0) == CPU_OFF:
            rec.runnable = False


def _psci_complete(books: Books, call: Call, _seen: Return) -> None:
    calling, target, denied = books.recs.get(call.x[1]), books.recs.get(call.x[2]), call.x[3]
    if calling is None or target is None:
        return
    if calling.exited_by == PSCI_EXIT and calling.gpr(0) == CPU_ON and not denied:
        target.runnable = True


def _table_create(books: Books, call: Call, _seen: Return) -> None:
    books.uses[call.x[2]] = (Use.TABLE, call.x[1])


def _data_create(books: Books, call: Call, _seen: Return) -> None:
    books.uses[call.x[2]] = (Use.DATA, call.x[1])


def _freed(books: Books, _call: Call, seen: Return) -> None:
    books.uses.pop(seen.x[1], None)


_BY_NAME: Mapping[str, Callable[[Books, Call, Return], None]] = {
    "RMI_GRANULE_DELEGATE": _delegate,
    "RMI_GRANULE_UNDELEGATE": _undelegate,
    "RMI_REALM_CREATE": _realm_create,
    "RMI_REALM_ACTIVATE": _activate,
    "RMI_REALM_DESTROY": _realm_destroy,
    "RMI_REC_CREATE": _rec_create,
    "RMI_REC_DESTROY": _rec_destroy,
    "RMI_REC_ENTER": _rec_enter,
    "RMI_PSCI_COMPLETE": _psci_complete,
    "RMI_RTT_CREATE": _table_create,
    "RMI_DATA_CREATE": _data_create,
    "RMI_DATA_CREATE_UNKNOWN": _data_create,
    "RMI_DATA_DESTROY": _freed,
    "RMI_RTT_DESTROY": _freed,
    "RMI_RTT_FOLD": _freed,
}
_ENTRIES = {tables().command(name).fid: write for name, write in _BY_NAME.items()}
