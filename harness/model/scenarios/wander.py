# SPDX-License-Identifier: BSD-3-Clause
"""Random steps that get somewhere: calls that fit the state, often with one thing wrong.

The source of choices is a parameter, so that a seeded generator walks far and Hypothesis
shrinks what it finds::

    wanderer = Wanderer(kit, random.Random(seed).choice)
    made = wanderer.step(state)          # a Call of the host, or a Do of a realm
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from harness.abi import codec, tables
from harness.model import psci
from harness.model.calls import Call, call
from harness.model.params import mpidr_of
from harness.model.realm_side.activity import (
    Access,
    Activity,
    GicAccess,
    Hvc,
    Interrupt,
    Kind,
    Smc,
    Wait,
)
from harness.model.rtt import ENTRIES, LAST_LEVEL, entry_bytes
from harness.model.scenarios.good import ATTRIBUTES
from harness.model.scenarios.kit import Kit
from harness.model.scenarios.scene import DEFAULT_IPA_WIDTH, DEFAULT_START_LEVEL, Do, Step
from harness.model.state import DELEGATED, Realm, RealmState, Rec, State
from harness.types import GRANULE_BYTES, align_down

_T = TypeVar("_T")
_RMI = [c for c in tables().commands.values() if c.name.startswith("RMI_")]
_REALM_CALLS = [c for c in tables().commands.values() if c.name.startswith(("RSI_", "PSCI_"))]
_ENDS = frozenset(
    {
        "RMI_GRANULE_UNDELEGATE",
        "RMI_PSCI_COMPLETE",
        "RMI_REALM_ACTIVATE",
        "RMI_REALM_CREATE",
        "RMI_REALM_DESTROY",
        "RMI_REC_DESTROY",
        "RMI_VERSION",
        "RMI_FEATURES",
    }
)
_OF_PARENT = ("RMI_RTT_CREATE", "RMI_RTT_DESTROY", "RMI_RTT_FOLD")
_BOTH_HALVES = (*_OF_PARENT, "RMI_RTT_READ_ENTRY")
_ON_TABLES = ("RMI_RTT_CREATE", "RMI_RTT_CREATE", "RMI_DATA_CREATE", "RMI_DATA_CREATE_UNKNOWN")
_SENSIBLE = 24
_ENOUGH_REALMS = 3
_ODD = (0, 1, 2, 8, 4, 1 << 39, 1 << 40, 1 << 48, 2**64 - 1, 2**64 - 3)


class Pick(Protocol):
    """Choose one of some options."""

    def __call__(self, options: Sequence[_T], /) -> _T:
        """Return one of them."""
        ...


class Wanderer:
    """Makes up the next step for a state; uses ``granules`` granules and ``pes`` PEs."""

    def __init__(self, kit: Kit, pick: Pick, *, granules: int = 48, pes: int = 2) -> None:
        self.kit = kit
        self.pick = pick
        self.pes = range(pes)
        end = kit.granules + granules * GRANULE_BYTES
        self.pool = range(kit.granules, end, GRANULE_BYTES)
        border = 1 << (DEFAULT_IPA_WIDTH - 1)
        block = entry_bytes(2)
        self.ipas = [b + o for b in (kit.heap, border) for o in (0, GRANULE_BYTES, block)]

    def step(self, state: State) -> Step:
        """Something that the host or a running realm may do in this state."""
        running = [rec for rec in state.recs.values() if rec.running is not None]
        if running and self._chance(2, 3):
            return self._act(state, self.pick(running))
        idle = set(self.pes) - {rec.running.pe for rec in running if rec.running is not None}
        if not idle:
            return self._act(state, self.pick(running))
        return self._host(state, self.pick(sorted(idle)))

    def _host(self, state: State, pe: int) -> Call:
        if not state.realms or self._chance(1, 6):
            enough = len(state.realms) >= _ENOUGH_REALMS or self._chance(1, 2)
            return self._delegate(state) if enough else self._create_realm(state)
        asked = [rec for rec in state.recs.values() if rec.psci or rec.ripas]
        if asked and self._chance(1, 2):
            rec = self.pick(asked)
            name = "RMI_PSCI_COMPLETE" if rec.psci else "RMI_RTT_SET_RIPAS"
            return self._command(state, name, pe, rec)
        if self._chance(1, 4) and state.recs:
            return self._enter(state, pe)
        name = self.pick(_RMI).name
        if name in _ENDS and not self._chance(1, 4):
            name = self.pick(_ON_TABLES)
        return self._named(state, name, pe)

    def _named(self, state: State, name: str, pe: int) -> Call:
        if name == "RMI_REALM_CREATE":
            return self._create_realm(state)
        if name == "RMI_REC_CREATE":
            return self._create_rec(state)
        if name == "RMI_REC_ENTER" and state.recs:
            return self._enter(state, pe)
        return self._command(state, name, pe)

    def _chance(self, times: int, of: int) -> bool:
        """True so many times of so many."""
        return self.pick(range(of)) < times

    def _free(self, state: State) -> list[int]:
        free = [pa for pa in self.pool if state.granule(pa) == DELEGATED]
        return free or list(self.pool)

    def _delegate(self, state: State) -> Call:
        """Mostly granules that are still Non-secure, so that there is material to build with."""
        fresh = [pa for pa in self.pool if pa not in state.granules]
        return call("RMI_GRANULE_DELEGATE", self.pick(fresh or list(self.pool)))

    def _create_realm(self, state: State) -> Call:
        free = self._free(state)
        pairs = [pa for pa in free if pa % (2 * GRANULE_BYTES) == 0 and pa + GRANULE_BYTES in free]
        root = self.pick(pairs or free)
        page = codec("RmiRealmParams").encode(
            s2sz=DEFAULT_IPA_WIDTH,
            rtt_level_start=DEFAULT_START_LEVEL,
            rtt_num_start=2,
            num_bps=1,
            num_wps=1,
            vmid=self.kit.first_vmid + self.pick(range(5)),
            rtt_base=root,
            hash_algo=self.pick((0, 1)),
        )
        return self._with_page("RMI_REALM_CREATE", page, self.pick(free))

    def _create_rec(self, state: State) -> Call:
        rd = self.pick(list(state.realms))
        free = self._free(state)
        page = codec("RmiRecParams").encode(
            flags=self.pick((1, 1, 0)),
            mpidr=mpidr_of(state.realms[rd].next_index),
            pc=self.kit.pc,
            num_aux=self.kit.platform.aux_granules,
            aux=self._some(free, self.kit.platform.aux_granules),
        )
        return self._with_page("RMI_REC_CREATE", page, rd, free[0])

    def _some(self, free: list[int], count: int) -> tuple[int, ...]:
        """Take some granules out of ``free`` while it has more than one."""
        taken = []
        for _ in range(count):
            taken.append(self.pick(free))
            if len(free) > 1:
                free.remove(taken[-1])
        return tuple(taken)

    def _enter(self, state: State, pe: int) -> Call:
        recs = list(state.recs)
        ready = [pa for pa in recs if _can_be_entered(state, state.recs[pa])]
        rec = self.pick(ready if ready and self._chance(7, 8) else recs)
        flags = self.pick(range(32)) if self._chance(1, 4) else 0
        area = codec("RmiRecEnter").encode(flags=flags, gprs=(self.pick(_ODD),))
        made = self._with_page("RMI_REC_ENTER", area, rec)
        return Call(made.fid, made.args, made.memory, pe)

    def _with_page(self, name: str, content: bytes, *args: int) -> Call:
        page = content.ljust(GRANULE_BYTES, b"\0")
        return call(name, *args, self.kit.pages, memory={self.kit.pages: page})

    def _command(self, state: State, name: str, pe: int, rec: Rec | None = None) -> Call:
        """Arguments that fit together; now and then one that does not."""
        realm = state.realms[rec.rd if rec else self.pick(list(state.realms))]
        recs = state.recs_of(realm.rd)
        rec = rec or (self.pick(recs) if recs else None)
        fitting = self._fitting(state, realm, rec) | self._place(realm, name)
        if rec is not None and rec.ripas is not None and name == "RMI_RTT_SET_RIPAS":
            fitting |= {"base": rec.ripas.addr, "top": rec.ripas.top}
        args = [
            fitting.get(register.name, 0)
            if self._chance(_SENSIBLE - 1, _SENSIBLE)
            else self.pick(_ODD)
            for register in tables().command(name).inputs
        ]
        memory = {self.kit.pages: bytes(GRANULE_BYTES)}
        return call(name, *args, memory=memory, pe=pe)

    def _fitting(self, state: State, realm: Realm, rec: Rec | None) -> dict[str, int]:
        free = self._free(state)
        values = {
            "rd": realm.rd,
            "src": self.kit.pages,
            "flags": 1,
            "addr": self.pick(free),
            "rtt": self.pick(free),
            "data": self.pick(free),
            "status": self.pick((psci.SUCCESS, psci.SUCCESS, psci.DENIED)),
        }
        if rec is not None:
            values["rec"] = rec.pa
            values |= self._complete(state, rec)
        return values

    def _complete(self, state: State, rec: Rec) -> dict[str, int]:
        waiting = [r for r in state.recs.values() if r.psci is not None]
        calling = self.pick(waiting or [rec])
        asked = calling.psci.target if calling.psci is not None else None
        others = state.recs_of(calling.rd)
        targets = [r for r in others if r.index == asked and self._chance(7, 8)]
        return {"calling_rec": calling.pa, "target_rec": self.pick(targets or others).pa}

    def _place(self, realm: Realm, name: str) -> dict[str, int]:
        """IPA, range and level: mostly aligned, mostly where there is something to find."""
        ipas = self.ipas if name in _BOTH_HALVES else self.ipas[: len(self.ipas) // 2]
        if "UNPROTECTED" in name:
            ipas = self.ipas[len(self.ipas) // 2 :]
        ipa = self.pick(ipas)
        reached = realm.walk(ipa, LAST_LEVEL).level
        level = min(reached + (name == "RMI_RTT_CREATE"), LAST_LEVEL)
        if self._chance(1, 4):
            level = self.pick((1, 2, 3))
        of_entry = level - (name in _OF_PARENT)
        if self._chance(3, 4):
            ipa = align_down(ipa, entry_bytes(of_entry))
        size = self.pick((1, 2, ENTRIES)) * GRANULE_BYTES
        desc = align_down(self.kit.pages, entry_bytes(level)) + self.pick((0, GRANULE_BYTES))
        found = {"ipa": ipa, "base": ipa, "top": ipa + size, "level": level}
        return found | {"desc": desc | ATTRIBUTES}

    def _act(self, _state: State, rec: Rec) -> Do:
        return Do(rec.pa, self.pick((self._access, self._smc, self._smc, self._other))())

    def _access(self) -> Activity:
        """As the payload accesses memory: less than 8 bytes with W registers, pairs read."""
        ipa, width_bytes = self.pick((*self.ipas, *_ODD)) & ~7, self.pick((1, 2, 4, 8))
        if self._chance(1, 4):
            return Access(ipa, has_syndrome=False)
        bits = 64 if width_bytes == 8 else 32
        return Access(ipa, self.pick(tuple(Kind)), width_bytes, register_bits=bits)

    def _smc(self) -> Activity:
        """Never with a page of the program, which the RMM might write to."""
        command = self.pick(_REALM_CALLS)
        if command.name.startswith("PSCI_SYSTEM") and not self._chance(1, 8):
            command = tables().command("RSI_HOST_CALL")
        base = self.pick((*self.ipas, 0, 1))
        size = self.pick((1, 2, ENTRIES)) * GRANULE_BYTES
        if command.name == "RSI_IPA_STATE_SET":
            return Smc((command.fid, base, base + size, self.pick((0, 1)), self.pick((0, 1))))
        if command.name == "RSI_IPA_STATE_GET":
            return Smc((command.fid, base, base + size))
        if command.name.startswith("PSCI_"):
            return Smc((command.fid, self.pick((0, 1, 2)), self.pick((self.kit.pc, base)), 0))
        return Smc((command.fid, self.pick((base, 1)), self.pick((0, 1, 64, 65)), GRANULE_BYTES))

    def _other(self) -> Activity:
        waits = (Wait(), Wait(is_wfe=True))
        others: Sequence[Activity] = (*waits, Hvc(), Interrupt(), GicAccess(1), GicAccess(0, 7))
        return self.pick(others)


def _can_be_entered(state: State, rec: Rec) -> bool:
    active = state.realms[rec.rd].state is RealmState.ACTIVE
    return active and rec.is_runnable and rec.psci is None and rec.running is None
