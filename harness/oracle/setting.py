# SPDX-License-Identifier: BSD-3-Clause
"""What a scene has, by short names, for those who write races."""

from __future__ import annotations

from harness.abi import tables
from harness.model import GranuleState, Realm, Rec, State
from harness.model.params import mpidr_of
from harness.model.rtt import LAST_LEVEL
from harness.model.scenarios.good import ATTRIBUTES
from harness.oracle.ground import Ground
from harness.oracle.steps import Deed, Fields, Issue

_PARAMS_PAGE = 490
_RUN_PAGE = 480


class Setting:
    """Granules, realms, RECs of a state; calls with their parameter pages."""

    def __init__(self, ground: Ground, state: State) -> None:
        self.ground = ground
        self.state = state

    @property
    def realm(self) -> Realm:
        """The first realm."""
        return next(iter(self.state.realms.values()))

    @property
    def recs(self) -> list[Rec]:
        """The RECs of the first realm."""
        return self.state.recs_of(self.realm.rd)

    @property
    def shared(self) -> int:
        """First unprotected IPA of the first realm."""
        return self.realm.protected_top

    def delegated(self, number: int) -> int:
        """A granule that is DELEGATED."""
        granules = self.state.granules.items()
        return [pa for pa, g in granules if g.state is GranuleState.DELEGATED][number]

    def fresh(self, number: int = 0) -> int:
        """A granule that is not delegated."""
        return [pa for pa in self.ground.pool if pa not in self.state.granules][number]

    def table(self, ipa: int) -> int:
        """The last level table of an IPA."""
        return self.realm.walk(ipa, LAST_LEVEL).table_pa

    def data(self, ipa: int) -> int:
        """The page that is mapped at an IPA."""
        return self.realm.walk(ipa, LAST_LEVEL).entry.pa

    def output(self, number: int = 0) -> int:
        """A descriptor of a host's page, for RMI_RTT_MAP_UNPROTECTED."""
        return self.ground.sources[number] | ATTRIBUTES

    def about(self, command: str, *args: int, pe: int = 0) -> Issue:
        """A call about the first realm: its RD comes first."""
        return Issue(f"RMI_{command}", (self.realm.rd, *args), pe)

    def realm_create(self, rd: int, root: int, vmid: int, page: int = 0) -> Issue:
        """RMI_REALM_CREATE of a small realm; ``page`` numbers parameter pages."""
        fields: Fields = (
            ("s2sz", 39),
            ("rtt_level_start", 1),
            ("rtt_num_start", 1),
            ("num_bps", 1),
            ("num_wps", 1),
            ("vmid", vmid),
            ("rtt_base", root),
        )
        return Issue("RMI_REALM_CREATE", (rd, self._params(page)), fields=fields)

    def rec_create(self, rec: int, aux: int, page: int = 0) -> Issue:
        """RMI_REC_CREATE of the next REC; its aux granules are fresh ones, from number ``aux``."""
        count = self.state.platform.aux_granules
        fields: Fields = (
            ("flags", tables().bitfield("RmiRecCreateFlags").encode(RUNNABLE=1)),
            ("mpidr", mpidr_of(self.realm.next_index)),
            ("pc", self.ground.program.entry),
            ("gprs", (40, self.realm.next_index)),
            ("num_aux", count),
            ("aux", tuple(self.fresh(aux + number) for number in range(count))),
        )
        return Issue("RMI_REC_CREATE", (self.realm.rd, rec, self._params(page)), fields=fields)

    def enter(self, number: int, deed: Deed, *, pe: int = 0, page: int = 0) -> Issue:
        """RMI_REC_ENTER of a REC whose program is to do something."""
        run = self.ground.page(_RUN_PAGE + page)
        return Issue("RMI_REC_ENTER", (self.recs[number].pa, run), pe, deed=deed)

    def _params(self, page: int) -> int:
        return self.ground.page(_PARAMS_PAGE + page)
