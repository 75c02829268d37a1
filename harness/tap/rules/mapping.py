# SPDX-License-Identifier: BSD-3-Clause
"""Host rules about tables and memory of a realm that runs."""

from __future__ import annotations

from dataclasses import dataclass

from harness.abi import tables
from harness.model.params import signed
from harness.model.rtt import LAST_LEVEL, entry_bytes
from harness.tap.events import Call, Return
from harness.tap.rules.books import Books
from harness.tap.rules.rule import Found, Rule, Side

_CODE = tables().bitfield("RmiCommandReturnCode")
_STATUS, _INDEX = _CODE.bits("status"), _CODE.bits("index")
_ERROR_RTT, _ERROR_INPUT = (tables().statuses[n] for n in ("RMI_ERROR_RTT", "RMI_ERROR_INPUT"))
_CREATE = "RMI_RTT_CREATE"
_REALM_DESTROY = "RMI_REALM_DESTROY"
_IPA_AT = {
    "RMI_DATA_CREATE": 3,
    "RMI_DATA_CREATE_UNKNOWN": 3,
    "RMI_RTT_INIT_RIPAS": 2,
    "RMI_RTT_SET_RIPAS": 3,
    "RMI_RTT_MAP_UNPROTECTED": 2,
}
"""The register with the IPA, of the calls after whose failure a host makes tables."""

_LEVEL_AT = 3
_DELEGATE, _REC_DESTROY = "RMI_GRANULE_DELEGATE", "RMI_REC_DESTROY"


@dataclass(slots=True)
class _Missing:
    """A walk that ended at ``level``: tables are wanted below."""

    seen: Return
    name: str
    ipa: int
    level: int


class MissingTable(Rule):
    """Kept for each realm and CPU: another vCPU's fault is another CPU's business."""

    name = "missing-table"
    side = Side.HOST
    source = "state-machines 4, walk; exits 6; KVM 27"
    says = "after a missing table was reported, tables are created from that level on, downward"
    watches = (_CREATE, _REALM_DESTROY, *_IPA_AT)

    def __init__(self) -> None:
        self._missing: dict[tuple[int, int], _Missing] = {}

    def call(self, call: Call, books: Books) -> Found:
        """The next table is one level below the reported one, the same call is not repeated."""
        del books
        key = call.cpu, call.x[1]
        missing = self._missing.get(key)
        if missing is None:
            return
        if call.name == _CREATE:
            yield from self._created(missing, call)
        elif call.name == missing.name and call.x[_IPA_AT[call.name]] == missing.ipa:
            text = f"the same call again, without a table at level {missing.level + 1}"
            yield self.broken(text, missing.seen, call)

    def _created(self, missing: _Missing, call: Call) -> Found:
        ipa, level = call.x[3], signed(call.x[4])
        covers = ipa <= missing.ipa < ipa + entry_bytes(missing.level)
        if covers and level != missing.level + 1:
            text = f"level {missing.level} was reported, a table is created at level {level}"
            yield self.broken(text, missing.seen, call)

    def back(self, seen: Return, books: Books) -> Found:
        """Remember a missing table; forget it when one is created, or tried by somebody.

        And when its realm is no more: the next one may have the same RD.
        """
        del books
        call = seen.call
        assert call is not None
        key = call.cpu, call.x[1]
        if call.name in (_CREATE, _REALM_DESTROY):
            if call.name == _CREATE or seen.ok:
                self._forget(call.x[1])
            return ()
        level = _INDEX.get(seen.x[0])
        if _STATUS.get(seen.x[0]) == _ERROR_RTT and level < _wanted(call):
            ipa = call.x[_IPA_AT[call.name]]
            self._missing[key] = _Missing(seen, call.name, ipa, level)
        else:
            self._missing.pop(key, None)
        return ()

    def _forget(self, rd: int) -> None:
        for key in [key for key in self._missing if key[1] == rd]:
            del self._missing[key]

    def lost(self) -> None:
        """The table may have been made."""
        self._missing.clear()


def _wanted(call: Call) -> int:
    """The level that the call's walk must reach; a RIPAS call may want any."""
    return signed(call.x[_LEVEL_AT]) if call.name == "RMI_RTT_MAP_UNPROTECTED" else LAST_LEVEL


class LastLevel(Rule):
    """Judged by the call."""

    name = "last-level"
    side = Side.HOST
    source = "RMI_RTT_CREATE level_bound; KVM 27"
    says = "no table is created below the last level"
    watches = (_CREATE,)

    def call(self, call: Call, books: Books) -> Found:
        """The level is at most 3."""
        del books
        if signed(call.x[4]) > LAST_LEVEL:
            yield self.broken(f"a table at level {signed(call.x[4])}", call)


@dataclass(frozen=True, slots=True)
class _LostRace:
    seen: Return
    rec: int


class RaceNotFatal(Rule):
    """A race is lost when another CPU delegated the granule since this CPU's REC last exited.

    What the host makes of it inside cannot be seen; that it destroys the REC before entering
    it again is what a fatal error looks like.
    """

    name = "race-not-fatal"
    side = Side.HOST
    source = "KVM 27"
    says = "a delegate that another CPU did first does not end the REC whose fault asked for it"
    watches = (_DELEGATE, "RMI_REC_ENTER", _REC_DESTROY)

    def __init__(self) -> None:
        self._last_exit: dict[int, Return] = {}
        self._delegated: dict[int, Return] = {}
        self._lost: dict[int, _LostRace] = {}

    def call(self, call: Call, books: Books) -> Found:
        """A REC that lost a race is entered again before it is destroyed."""
        del books
        if call.name == "RMI_REC_ENTER":
            self._lost.pop(call.x[1], None)
            self._last_exit.pop(call.cpu, None)
        elif call.name == _REC_DESTROY and call.x[1] in self._lost:
            race = self._lost.pop(call.x[1])
            text = f"REC {race.rec:#x} is destroyed because a granule was delegated already"
            yield self.broken(text, race.seen, call)

    def back(self, seen: Return, books: Books) -> Found:
        """See who delegated what since when."""
        del books
        call = seen.call
        assert call is not None
        if call.name == "RMI_REC_ENTER" and seen.ok:
            self._last_exit[call.cpu] = seen
            if len(self._last_exit) == 1:
                self._delegated.clear()
        elif call.name == _DELEGATE:
            if seen.ok and self._last_exit:
                self._delegated[call.x[1]] = seen
            elif seen.x[0] == _ERROR_INPUT:
                self._lose(seen, call)
        elif call.name == _REC_DESTROY and seen.ok:
            self._forget(call.x[1])
        return ()

    def _forget(self, rec: int) -> None:
        """The next REC may have the same address."""
        for cpu, exit_ in list(self._last_exit.items()):
            if exit_.call is not None and exit_.call.x[1] == rec:
                del self._last_exit[cpu]

    def _lose(self, seen: Return, call: Call) -> None:
        winner, faulted = self._delegated.get(call.x[1]), self._last_exit.get(call.cpu)
        if winner is None or faulted is None or faulted.call is None:
            return
        if winner.cpu != call.cpu and winner.seq > faulted.seq:
            rec = faulted.call.x[1]
            self._lost[rec] = _LostRace(seen, rec)

    def lost(self) -> None:
        """It may have been entered."""
        self._last_exit.clear()
        self._delegated.clear()
        self._lost.clear()
