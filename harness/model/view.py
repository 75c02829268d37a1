# SPDX-License-Identifier: BSD-3-Clause
"""A call looked at in a state: what conditions and effects ask for, computed at most once.

``None`` always means that the thing does not exist because an earlier condition failed;
a condition that needs it is then undefined.
"""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

from harness.errors import HarnessError
from harness.model.calls import Call, argument_numbers
from harness.model.params import EnterArea, RealmParams, RecParams, signed
from harness.model.rtt import LAST_LEVEL, Walk, entry_bytes
from harness.model.state import Granule, GranuleState, Realm, Rec, State
from harness.types import is_granule_aligned

_T = TypeVar("_T")
_OF_PARENT = frozenset({"RMI_RTT_CREATE", "RMI_RTT_DESTROY", "RMI_RTT_FOLD"})
_OF_BLOCK = frozenset({"RMI_RTT_MAP_UNPROTECTED", "RMI_RTT_UNMAP_UNPROTECTED"})
_FIRST_BLOCK_LEVEL = 1
_HALVES = {
    **dict.fromkeys(_OF_BLOCK, True),
    "RMI_DATA_CREATE": False,
    "RMI_DATA_CREATE_UNKNOWN": False,
    "RMI_DATA_DESTROY": False,
    "RMI_RTT_INIT_RIPAS": False,
    "RMI_RTT_SET_RIPAS": False,
}
"""For commands on one half of the IPA space: "the IPA is protected" when it is the wrong one."""


class View:
    """One call in one state."""

    def __init__(self, state: State, call: Call) -> None:
        self.state = state
        self.call = call
        self.name = call.name
        self._numbers = argument_numbers(self.name)

    def arg(self, name: str) -> int:
        """An input register by its name in the tables; registers not given are zero."""
        number = self._numbers[name]
        return self.call.args[number] if number < len(self.call.args) else 0

    def granule(self, name: str) -> Granule | None:
        """The granule an argument names; None unless it is aligned and delegable."""
        pa = self.arg(name)
        if not is_granule_aligned(pa) or not self.state.platform.layout.is_tracked(pa):
            return None
        return self.state.granule(pa)

    def page(self, name: str) -> bytes | None:
        """Contents of the Non-secure granule an argument points to; None if unreadable."""
        pa = self.arg(name)
        layout = self.state.platform.layout
        granule = self.granule(name)
        if granule is None or granule.state is not GranuleState.UNDELEGATED:
            return None
        return self.call.memory.get(pa) if layout.is_ns(pa) else None

    @cached_property
    def realm(self) -> Realm | None:
        """The realm that ``rd`` names."""
        return None if self.granule("rd") is None else self.state.realms.get(self.arg("rd"))

    def rec(self, name: str = "rec") -> Rec | None:
        """The REC that an argument names."""
        return None if self.granule(name) is None else self.state.recs.get(self.arg(name))

    @cached_property
    def realm_params(self) -> RealmParams | None:
        """The realm parameters of RMI_REALM_CREATE."""
        page = self.page("params_ptr")
        return None if page is None else RealmParams.decode(page)

    @cached_property
    def rec_params(self) -> RecParams | None:
        """The REC parameters of RMI_REC_CREATE."""
        page = self.page("params_ptr")
        return None if page is None else RecParams.decode(page)

    @cached_property
    def enter(self) -> EnterArea | None:
        """The enter area of RMI_REC_ENTER."""
        page = self.page("run_ptr")
        return None if page is None else EnterArea.decode(page)

    @cached_property
    def level(self) -> int:
        """The ``level`` argument, a signed number."""
        return signed(self.arg("level"))

    @cached_property
    def level_range(self) -> range | None:
        """The levels that this command accepts for this realm."""
        if self.realm is None:
            return None
        lowest = self.realm.start_level + (self.name in _OF_PARENT)
        if self.name in _OF_BLOCK:
            lowest = max(lowest, _FIRST_BLOCK_LEVEL)
        return range(lowest, LAST_LEVEL + 1)

    @property
    def level_is_valid(self) -> bool:
        """The realm is there and ``level`` is one that the command accepts."""
        return self.level_range is not None and self.level in self.level_range

    @cached_property
    def walk_level(self) -> int | None:
        """The level that the command walks towards."""
        if "level" not in self._numbers:
            return LAST_LEVEL if self.realm else None
        return self.level - (self.name in _OF_PARENT) if self.level_is_valid else None

    @property
    def entry_bytes(self) -> int | None:
        """What one entry at the level of the walk maps."""
        return None if self.walk_level is None else entry_bytes(self.walk_level)

    @property
    def walk_ipa(self) -> int:
        """The IPA that the command walks to."""
        return self.arg("base" if "base" in self._numbers else "ipa")

    @cached_property
    def walk(self) -> Walk | None:
        """The walk of the command; None unless level and IPA allow one."""
        if self.realm is None or self.walk_level is None:
            return None
        ipa = self.walk_ipa
        if ipa >= self.realm.ipa_top or self.realm.is_protected(ipa) is _HALVES.get(self.name):
            return None
        return self.realm.walk(ipa, self.walk_level)

    @property
    def full_walk(self) -> Walk | None:
        """The walk, if it reached the level it was made for."""
        walk = self.walk
        return walk if walk is not None and walk.level == self.walk_level else None

    @property
    def sure_realm(self) -> Realm:
        """The realm of a call without failing conditions."""
        return sure(self.realm)

    @property
    def sure_walk(self) -> Walk:
        """The walk of a call without failing conditions."""
        return sure(self.walk)


def sure(value: _T | None) -> _T:
    """Return a value whose absence is a failing condition; HarnessError if it is missing."""
    if value is None:
        raise HarnessError("the model applied a call whose conditions do not hold")
    return value
