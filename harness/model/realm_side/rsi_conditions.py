# SPDX-License-Identifier: BSD-3-Clause
"""Every failure condition of the RSI tables as a predicate, under the tables' ids.

A predicate says True when its condition fails the call, None when it cannot be asked.
Some conditions depend on what only the RMM knows; those are :data:`UNPREDICTABLE`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from harness.abi import Condition, tables
from harness.model.calls import argument_numbers, shown
from harness.model.realm_side.activity import Smc
from harness.model.rtt import LAST_LEVEL, Entry, Hipas, Ripas
from harness.model.state import REMS, Realm, Rec, State, Token
from harness.types import GRANULE_BYTES, MASK64, is_granule_aligned

_T = tables()
RSI_ABI_VERSION = _T.constants["RSI_ABI_VERSION"]
_MAX_EXTEND_BYTES = 64
_HOST_CALL_ALIGNMENT = _T.struct("RsiHostCall").alignment
_RIPAS_FLAGS = _T.bitfield("RsiRipasChangeFlags").bits("CHANGE_DESTROYED").mask


class RsiView:
    """An RSI call in a state."""

    def __init__(self, state: State, rec: Rec, act: Smc) -> None:
        self.state = state
        self.rec = rec
        self.act = act
        self.realm: Realm = state.realms[rec.rd]
        self.name = _T.by_fid[act.arg(0)].name

    def arg(self, name: str) -> int:
        """An input by its name in the tables."""
        return self.act.arg(argument_numbers(self.name)[name] + 1)

    @property
    def shown(self) -> str:
        """The call for reports."""
        return f"{self.name}({shown(_T.command(self.name), self.act.x[1:])})"

    @property
    def entry(self) -> Entry | None:
        """The entry of the page ``addr``; None unless it is protected."""
        ipa = self.arg("addr")
        return self.realm.walk(ipa, LAST_LEVEL).entry if self.realm.is_protected(ipa) else None

    @property
    def page_is_missing(self) -> bool:
        """The page ``addr`` does not translate."""
        entry = self.entry
        return entry is None or entry.hipas is not Hipas.ASSIGNED or entry.ripas is not Ripas.RAM


Predicate = Callable[[RsiView], bool | None]


def _addr_bound(view: RsiView) -> bool:
    return view.entry is None or view.entry.ripas is Ripas.EMPTY


def _unaligned(name: str) -> Predicate:
    return lambda view: not is_granule_aligned(view.arg(name))


def _end(view: RsiView) -> int:
    return view.arg("offset") + view.arg("size")


def _beyond_page(view: RsiView) -> bool | None:
    return None if _end(view) > MASK64 else _end(view) > GRANULE_BYTES


def _rgn_bound(view: RsiView) -> bool:
    return max(view.arg("base"), view.arg("top")) > view.realm.protected_top


def _known_only_to_the_rmm(_view: RsiView) -> None:
    return None


_PAGE: Mapping[str, Predicate] = {"addr_align": _unaligned("addr"), "addr_bound": _addr_bound}
_RANGE: Mapping[str, Predicate] = {
    "base_align": _unaligned("base"),
    "size_valid": lambda view: view.arg("top") <= view.arg("base"),
    "rgn_bound": _rgn_bound,
}

CONDITIONS: Mapping[str, Mapping[str, Predicate]] = {
    "RSI_VERSION": {"incompatible": lambda view: view.arg("req") != RSI_ABI_VERSION},
    "RSI_FEATURES": {},
    "RSI_MEASUREMENT_READ": {"index_bound": lambda view: view.arg("index") > REMS},
    "RSI_MEASUREMENT_EXTEND": {
        "index_bound": lambda view: not 1 <= view.arg("index") <= REMS,
        "size_bound": lambda view: view.arg("size") > _MAX_EXTEND_BYTES,
    },
    "RSI_ATTESTATION_TOKEN_INIT": {"unknown": lambda view: not view.state.platform.has_attestation},
    "RSI_ATTESTATION_TOKEN_CONTINUE": {
        **_PAGE,
        "offset_bound": lambda view: view.arg("offset") >= GRANULE_BYTES,
        "size_overflow": lambda view: _end(view) > MASK64,
        "size_bound": _beyond_page,
        "state": lambda view: view.rec.token is Token.NONE,
        "more": _known_only_to_the_rmm,
        "unknown": _known_only_to_the_rmm,
    },
    "RSI_REALM_CONFIG": _PAGE,
    "RSI_IPA_STATE_SET": {
        **_RANGE,
        "top_align": _unaligned("top"),
        "ripas_valid": lambda view: view.arg("ripas") not in (Ripas.EMPTY, Ripas.RAM),
        "flags_valid": lambda view: view.arg("flags") & ~_RIPAS_FLAGS != 0,
    },
    "RSI_IPA_STATE_GET": {**_RANGE, "end_align": _unaligned("top")},
    "RSI_HOST_CALL": {
        **_PAGE,
        "addr_align": lambda view: view.arg("addr") % _HOST_CALL_ALIGNMENT != 0,
    },
}

UNPREDICTABLE = frozenset(
    (name, condition)
    for name, conditions in CONDITIONS.items()
    for condition, predicate in conditions.items()
    if predicate is _known_only_to_the_rmm
)


@functools.cache
def _ordered(name: str) -> tuple[tuple[Condition, Predicate], ...]:
    return tuple((c, CONDITIONS[name][c.id]) for c in _T.command(name).failures)


def failing(view: RsiView) -> tuple[Condition, ...]:
    """The conditions that hold, of those that can be asked, in the tables' order."""
    unchecked = view.state.platform.unchecked
    return tuple(
        condition
        for condition, holds in _ordered(view.name)
        if holds(view) and (view.name, condition.id) not in unchecked
    )
