# SPDX-License-Identifier: BSD-3-Clause
"""Building up a state by calls that succeed, and keeping them as a script."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.abi import Value, codec, tables
from harness.errors import HarnessError
from harness.model.calls import Call, call
from harness.model.outcome import Continues, Exits, Outcome
from harness.model.params import mpidr_of
from harness.model.realm_side.act import act
from harness.model.realm_side.activity import Activity, Smc
from harness.model.rtt import LAST_LEVEL, entry_bytes
from harness.model.scenarios.kit import Kit, Unavailable
from harness.model.state import GranuleState, Realm, State
from harness.model.stepping import step
from harness.types import GRANULE_BYTES, align_up

DEFAULT_IPA_WIDTH = 40
DEFAULT_START_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Do:
    """Something that the realm on a running REC does."""

    rec: int
    activity: Activity


Step = Call | Do


class Scene:
    """A state under construction and the steps that led to it."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.state = State(kit.platform)
        self.steps: list[Step] = []
        self.pages: dict[int, bytes] = {}
        self._next_granule = kit.granules
        self._next_vmid = kit.first_vmid
        self._zoo: dict[GranuleState, int] = {}

    def call(self, name: str, *args: int, pe: int = 0) -> Call:
        """Build a call with the pages that its arguments point to."""
        memory = {arg: self.pages[arg] for arg in args if arg in self.pages}
        return call(name, *args, memory=memory, pe=pe)

    def do(self, name: str, *args: int, pe: int = 0) -> None:
        """Issue a call that has to succeed."""
        made = self.call(name, *args, pe=pe)
        verdict, self.state = step(self.state, made)
        if not verdict.ok:
            raise HarnessError(f"a recipe does not work:\n{verdict.explain()}")
        self.steps.append(made)

    def act(self, rec: int, activity: Activity) -> Outcome:
        """Let the realm do something."""
        outcome, self.state = act(self.state, rec, activity)
        self.steps.append(Do(rec, activity))
        return outcome

    def page(self, content: bytes = b"") -> int:
        """A Non-secure page with these contents, padded with zeros."""
        pa = self.kit.pages + len(self.pages) * GRANULE_BYTES
        self.pages[pa] = content.ljust(GRANULE_BYTES, b"\0")
        return pa

    def free(self, count: int = 1) -> int:
        """Granules that are still Non-secure, aligned to their number."""
        base = align_up(self._next_granule, count * GRANULE_BYTES)
        self._next_granule = base + count * GRANULE_BYTES
        return base

    def delegated(self, count: int = 1) -> int:
        """Granules that are DELEGATED, aligned to their number (a power of two)."""
        base = self.free(count)
        for pa in range(base, self._next_granule, GRANULE_BYTES):
            self.do("RMI_GRANULE_DELEGATE", pa)
        return base

    def realm_params(self, **changes: Value) -> dict[str, Value]:
        """Fields of RmiRealmParams that are valid; root tables are delegated for them."""
        width = changes.get("s2sz", DEFAULT_IPA_WIDTH)
        feature = self.kit.platform.feature
        self._next_vmid += 1
        fields: dict[str, Value] = {
            "s2sz": width,
            "rtt_level_start": DEFAULT_START_LEVEL,
            "rtt_num_start": 2,
            "num_bps": feature("NUM_BPS"),
            "num_wps": feature("NUM_WPS"),
            "vmid": self._next_vmid - 1,
            **changes,
        }
        count = fields["rtt_num_start"]
        if "rtt_base" not in fields and isinstance(count, int):
            fields["rtt_base"] = self.delegated(count)
        return fields

    def realm(self, **changes: Value) -> int:
        """Create a realm; returns its RD."""
        rd = self.delegated()
        params = codec("RmiRealmParams").encode(**self.realm_params(**changes))
        self.do("RMI_REALM_CREATE", rd, self.page(params))
        return rd

    def of(self, rd: int) -> Realm:
        """The realm as it is now."""
        return self.state.realms[rd]

    def tables(self, rd: int, ipa: int, level: int = LAST_LEVEL) -> None:
        """Create the tables down to ``level`` that an IPA still lacks."""
        reached = self.of(rd).walk(ipa, level).level
        for missing in range(reached + 1, level + 1):
            base = ipa & ~(entry_bytes(missing - 1) - 1)
            self.do("RMI_RTT_CREATE", rd, self.delegated(), base, missing)

    def data(self, rd: int, ipa: int) -> int:
        """Map a page with unknown contents; returns its PA."""
        self.tables(rd, ipa)
        pa = self.delegated()
        self.do("RMI_DATA_CREATE_UNKNOWN", rd, pa, ipa)
        return pa

    def ram(self, rd: int, base: int, top: int) -> None:
        """Make memory of a NEW realm RAM, within one last-level table."""
        self.tables(rd, base)
        self.do("RMI_RTT_INIT_RIPAS", rd, base, top)

    def rec_params(self, rd: int, **changes: Value) -> dict[str, Value]:
        """Fields of RmiRecParams for the next REC, valid, with their aux granules."""
        fields: dict[str, Value] = {
            "flags": tables().bitfield("RmiRecCreateFlags").encode(RUNNABLE=1),
            "mpidr": mpidr_of(self.of(rd).next_index),
            "pc": self.kit.pc,
            "gprs": self.kit.gprs,
            "num_aux": self.kit.platform.aux_granules,
            **changes,
        }
        if "aux" not in fields:
            wanted = range(self.kit.platform.aux_granules)
            fields["aux"] = tuple(self.delegated() for _ in wanted)
        return fields

    def rec(self, rd: int, **changes: Value) -> int:
        """Create a REC; returns its PA."""
        pa = self.delegated()
        params = codec("RmiRecParams").encode(**self.rec_params(rd, **changes))
        self.do("RMI_REC_CREATE", rd, pa, self.page(params))
        return pa

    def guest(self, *recs: int, activate: bool = True) -> tuple[int, list[int]]:
        """A realm with the kit's program; one REC for each of ``recs``, its RUNNABLE flag."""
        rd = self.realm()
        for ipa, content in self.kit.program:
            self.load(rd, ipa, content)
        made = [self.rec(rd, flags=runnable) for runnable in recs or (1,)]
        if activate:
            self.do("RMI_REALM_ACTIVATE", rd)
        return rd, made

    def load(self, rd: int, ipa: int, content: bytes | None) -> None:
        """Put one page of a program into a NEW realm."""
        if content is None:
            self.ram(rd, ipa, ipa + GRANULE_BYTES)
            self.data(rd, ipa)
        else:
            self.tables(rd, ipa)
            self.do("RMI_DATA_CREATE", rd, self.delegated(), ipa, self.page(content), 0)

    def run_page(self, **enter: Value) -> int:
        """A run page with this enter area."""
        return self.page(codec("RmiRecEnter").encode(**enter))

    def enter(self, rec: int, *, pe: int = 0, **fields: Value) -> None:
        """Enter a REC, so that it runs."""
        self.do("RMI_REC_ENTER", rec, self.run_page(**fields), pe=pe)

    def run(self, rec: int, activity: Activity, *, pe: int = 0) -> Exits:
        """Enter a REC and let it do something that exits."""
        self.enter(rec, pe=pe)
        outcome = self.act(rec, activity)
        if isinstance(outcome, Continues):
            raise HarnessError(f"a recipe wanted an exit, seen {outcome}")
        return outcome

    def smc(self, name: str, *args: int, page: bytes = b"") -> Smc:
        """An SMC of the tables."""
        return Smc((tables().command(name).fid, *args), page)

    def granule_in(self, state: GranuleState) -> int:
        """A granule in this state, of a realm of its own where it needs one."""
        if state is GranuleState.UNDELEGATED:
            return self.page()
        if state is GranuleState.DELEGATED:
            return self.delegated()
        if not self._zoo:
            self._fill_zoo()
        if state not in self._zoo:
            raise Unavailable(f"RECs have no granule in state {state} here")
        return self._zoo[state]

    def _fill_zoo(self) -> None:
        rd = self.realm()
        rec = self.rec(rd)
        self._zoo = {
            GranuleState.RD: rd,
            GranuleState.REC: rec,
            GranuleState.RTT: self.of(rd).rtt_base,
            GranuleState.DATA: self.data(rd, self.kit.heap),
        }
        if aux := self.state.recs[rec].aux:
            self._zoo[GranuleState.REC_AUX] = aux[0]


def with_args(made: Call, **changes: int) -> Call:
    """A call with other arguments, by their names in the tables."""
    names = [register.name for register in tables().command(made.name).inputs]
    args = dict(zip(names, made.args, strict=True)) | changes
    return replace(made, args=tuple(args[name] for name in names))
