# SPDX-License-Identifier: BSD-3-Clause
"""Who makes the calls: PEs in their worlds, RECs of realms, under names that people can follow.

A recording knows a REC by its address, and addresses are used again. Realms are numbered as
they are created, RECs as the RMM numbers them; what was created before the part that is looked
at goes by its address.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.tap import Call, Event, Return, State
from harness.types import Pa

_WORLDS = {
    State.NON_SECURE: "normal world",
    State.SECURE: "secure world",
    State.ROOT: "root world",
    State.REALM: "realm world",
    State.UNKNOWN: "unknown world",
}
_RMM_LEVEL = 2


@dataclass(frozen=True, slots=True)
class Realm:
    """A realm: its number from 1 on, or 0 where its creation was not seen."""

    number: int
    rd: Pa | None

    def __str__(self) -> str:
        return f"realm {self.number}" if self.number else f"realm {self.rd or '?'}"


@dataclass(frozen=True, slots=True)
class Rec:
    """One life of a REC; ``index`` is None where its creation was not seen."""

    realm: Realm
    pa: Pa
    index: int | None

    def __str__(self) -> str:
        return f"{self.realm} REC {self.pa if self.index is None else self.index}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose calls come one after the other: a REC, or a PE at a level in a world."""

    state: State
    level: int
    cpu: int
    rec: Rec | None = None

    @property
    def is_rmm(self) -> bool:
        """Whether this is the RMM, calling EL3."""
        return self.state == State.REALM and self.rec is None

    @property
    def group(self) -> str:
        """The PE or the realm that it belongs to."""
        return str(self.rec.realm) if self.rec else f"PE {self.cpu}"

    def __str__(self) -> str:
        if self.rec:
            return str(self.rec)
        if self.is_rmm:
            return f"PE {self.cpu} RMM"
        level = "" if self.level == _RMM_LEVEL else f" EL{self.level}"
        return f"PE {self.cpu} {_WORLDS[self.state]}{level}"


class Census:
    """Knows the realms and RECs that are there, from the calls that made and destroyed them."""

    def __init__(self) -> None:
        self._realms: dict[int, Realm] = {}
        self._recs: dict[int, Rec] = {}
        self._created = 0
        self._counts: dict[int, int] = {}

    def caller(self, event: Call | Return) -> Caller:
        """Who made this call."""
        inside = event.state == State.REALM and event.level < _RMM_LEVEL and event.rec is not None
        rec = self.rec(event.rec) if inside and event.rec is not None else None
        cpu = -1 if rec else event.cpu
        return Caller(event.state, event.level, cpu, rec)

    def rec(self, pa: Pa) -> Rec:
        """The REC at an address."""
        return self._recs.setdefault(int(pa), Rec(Realm(0, None), Pa(pa), None))

    def realm_of(self, call: Call) -> Realm | None:
        """The realm that an RMI call is about, if one of its addresses tells."""
        args = call.args
        rd = args.get("rd")
        if isinstance(rd, int):
            return self._realms.get(rd)
        for name in ("rec", "calling_rec"):
            pa = args.get(name)
            if isinstance(pa, int) and pa in self._recs:
                return self._recs[pa].realm
        return None

    def observe(self, event: Event) -> None:
        """Take in what a return says about realms and RECs."""
        if not isinstance(event, Return) or event.call is None or not event.ok:
            return
        x = event.call.x
        match event.name:
            case "RMI_REALM_CREATE":
                self._created += 1
                self._realms[x[1]] = Realm(self._created, Pa(x[1]))
                self._counts[x[1]] = 0
            case "RMI_REALM_DESTROY":
                self._realms.pop(x[1], None)
            case "RMI_REC_CREATE":
                known = self._realms.get(x[1])
                index = self._counts.get(x[1]) if known else None
                self._counts[x[1]] = (index or 0) + 1
                self._recs[x[2]] = Rec(known or Realm(0, Pa(x[1])), Pa(x[2]), index)
            case "RMI_REC_DESTROY":
                self._recs.pop(x[1], None)
