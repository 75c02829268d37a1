# SPDX-License-Identifier: BSD-3-Clause
"""Predicates that many commands share. A predicate says True when its condition fails the
call, False when it does not, None when it cannot be asked because an earlier one failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.model.rtt import Hipas
from harness.model.state import GranuleState, RealmState
from harness.model.view import View
from harness.types import GRANULE_BYTES, is_granule_aligned

Predicate = Callable[[View], bool | None]
Conditions = Mapping[str, Predicate]


def unaligned(name: str) -> Predicate:
    """The argument is not 4 KiB aligned."""
    return lambda view: not is_granule_aligned(view.arg(name))


def untracked(name: str) -> Predicate:
    """The argument is aligned and not delegable DRAM."""

    def predicate(view: View) -> bool | None:
        pa = view.arg(name)
        return not view.state.platform.layout.is_tracked(pa) if is_granule_aligned(pa) else None

    return predicate


def not_in(name: str, state: GranuleState) -> Predicate:
    """The granule is not in the state wanted."""

    def predicate(view: View) -> bool | None:
        granule = view.granule(name)
        return None if granule is None else granule.state is not state

    return predicate


def granule(prefix: str, name: str, state: GranuleState, *, last: str = "state") -> Conditions:
    """The three conditions of every granule argument."""
    return {
        f"{prefix}_align": unaligned(name),
        f"{prefix}_bound": untracked(name),
        f"{prefix}_{last}": not_in(name, state),
    }


def ns_page(prefix: str, name: str) -> Conditions:
    """The three conditions of every Non-secure page argument."""

    def pas(view: View) -> bool | None:
        return None if view.granule(name) is None else view.page(name) is None

    return {
        f"{prefix}_align": unaligned(name),
        f"{prefix}_bound": untracked(name),
        f"{prefix}_pas": pas,
    }


RD = granule("rd", "rd", GranuleState.RD)


def realm_not_new(view: View) -> bool | None:
    """The realm left the state NEW."""
    return None if view.realm is None else view.realm.state is not RealmState.NEW


def level_bound(view: View) -> bool | None:
    """The level is not one the command accepts."""
    return None if view.realm is None else not view.level_is_valid


def ipa_align(view: View) -> bool | None:
    """The IPA is not aligned to what one entry maps."""
    size_bytes = view.entry_bytes
    return None if size_bytes is None else view.arg("ipa") % size_bytes != 0


def ipa_unaligned(view: View) -> bool:
    """The IPA is not 4 KiB aligned."""
    return view.arg("ipa") % GRANULE_BYTES != 0


def ipa_beyond(view: View) -> bool | None:
    """The IPA lies outside the IPA space."""
    return None if view.realm is None else view.arg("ipa") >= view.realm.ipa_top


def ipa_not_protected(view: View) -> bool | None:
    """The IPA lies outside the protected half."""
    return None if view.realm is None else not view.realm.is_protected(view.arg("ipa"))


def ipa_not_unprotected(view: View) -> bool | None:
    """The IPA lies outside the unprotected half."""
    realm = view.realm
    return None if realm is None else not realm.protected_top <= view.arg("ipa") < realm.ipa_top


def beyond_48_bits(name: str) -> Predicate:
    """The PA needs more than 48 bits and the realm has no LPA2."""
    return lambda view: (
        None if view.realm is None else view.arg(name) >> 48 != 0 and not view.realm.has_lpa2
    )


def walk_short(view: View) -> bool | None:
    """The walk ended above the level it was made for."""
    return None if view.walk is None else view.walk.level != view.walk_level


def entry_not(hipas: Hipas) -> Predicate:
    """The entry at the end of a full walk has another HIPAS."""

    def predicate(view: View) -> bool | None:
        walk = view.full_walk
        return None if walk is None else walk.entry.hipas is not hipas

    return predicate
