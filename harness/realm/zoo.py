# SPDX-License-Identifier: BSD-3-Clause
"""One granule in every state, and addresses that are no granule at all.

A command that wants a granule in one state must refuse all the others; a test names
what it gives instead, and the condition of the tables that must answer it::

    @pytest.mark.parametrize("kind", kinds_but("rd"))
    def test_activate_wants_an_rd(rmi, zoo, kind):
        assert rmi.realm_activate(zoo.instead_of("rd", kind)) == Fails(refusal("rd", kind))
"""

from __future__ import annotations

from harness.realm.config import LAST_LEVEL
from harness.realm.normal_world import NormalWorld
from harness.realm.realm import Realm
from harness.types import GRANULE_BYTES, Ipa, Pa

STATES = ("undelegated", "delegated", "rd", "rec", "rec_aux", "rtt", "data")
"""The granule states of the RMM specification; the zoo has one granule in each."""

IN_USE = ("rd", "rec", "rec_aux", "rtt", "data")
"""The states of a granule that belongs to a realm."""

SPECIAL = {
    "null": Pa(0),
    "device": Pa(0x0900_0000),
    "beyond_dram": Pa(0x1_0000_0000),
    "secure": Pa(0x0E00_0000),
    "wild": Pa(0xFFFF_FFFF_FFFF_F000),
    "rmm": Pa(0x4020_0000),
}
"""Addresses of QEMU's virt machine with 3 GiB: the flash, the PL011, the end of DRAM,
secure SRAM, an address beyond any PA width, and DRAM that EL3 gave to the RMM itself."""

MISALIGNED = "misaligned"
KINDS = (MISALIGNED, *SPECIAL, *STATES)
"""Everything that can be given in place of a granule."""


def kinds_but(wanted: str) -> tuple[str, ...]:
    """All kinds except the one that the command takes."""
    return tuple(kind for kind in KINDS if kind != wanted)


def refusal(argument: str, kind: str, *, state: str = "state") -> str:
    """The condition id with which the tables answer ``kind`` for an argument.

    ``state`` is the last part of the id of the condition on the granule's state: ``pas``
    for pages of the normal world, ``gran_state`` where ``state`` means something else.
    """
    if kind == MISALIGNED:
        return f"{argument}_align"
    if kind in SPECIAL and kind != "rmm":
        return f"{argument}_bound"
    return f"{argument}_{state}"


class Zoo:
    """A realm, state NEW, whose granules cover every state; ``zoo["rtt"]`` is an address.

    Its IPA 0 holds the data granule; the rest of the level 3 table there is free.
    """

    def __init__(self, realm: Realm) -> None:
        self.realm = realm
        world = realm.world
        data = realm.map_unknown(0)
        rec = realm.add_rec()
        self._granules = SPECIAL | {
            "undelegated": world.page(),
            "delegated": world.delegated(),
            "rd": realm.rd,
            "rec": rec.pa,
            "rec_aux": rec.aux[0],
            "rtt": Pa(realm.tables.entry(0, LAST_LEVEL - 1).desc),
            "data": data,
        }

    @classmethod
    def fill(cls, world: NormalWorld) -> Zoo:
        """Build the realm and the granules."""
        return cls(Realm.create(world))

    @property
    def free_ipa(self) -> Ipa:
        """A page of the realm that has a level 3 entry and no data."""
        return Ipa(GRANULE_BYTES)

    def __getitem__(self, kind: str) -> Pa:
        return self._granules[kind]

    def instead_of(self, wanted: str, kind: str) -> Pa:
        """The address to give where a command wants a granule in state ``wanted``."""
        return Pa(self[wanted] + 1) if kind == MISALIGNED else self[kind]

    def give_back(self) -> None:
        """Destroy the realm and undelegate what is left; fails if a state has changed."""
        self.realm.destroy()
        self.realm.world.undelegate(self["delegated"])
