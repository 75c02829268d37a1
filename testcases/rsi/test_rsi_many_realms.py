# SPDX-License-Identifier: BSD-3-Clause
"""RSI calls of several realms, on one PE in turn and on two at once."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.plugin.fixtures import MakeGuest
from harness.rmi import Rsi, Succeeds

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

VERSION = tables().constants["RSI_ABI_VERSION"]
FID = tables().command("RSI_VERSION").fid
REALMS = 4


def agrees(rsi: Rsi) -> bool:
    return rsi.version(VERSION) == Succeeds(lower=VERSION, higher=VERSION)


def test_every_realm_is_told_the_version(make_guest: MakeGuest) -> None:
    """RSI_VERSION in one realm after another, on one PE (RSI-03)."""
    guests = [make_guest() for _ in range(REALMS)]
    assert all(agrees(guest.guest.rsi) for guest in (*guests, *guests))


@pytest.mark.usefixtures("busy_boot_pe")
def test_realms_on_two_pes_are_told_the_version(make_guest: MakeGuest, second_pe: int) -> None:
    """RSI_VERSION in two realms at once, one on each PE (RSI-03)."""
    pair = [make_guest().guest, make_guest().guest]
    pair[1].pe = second_pe
    entries = [guest.start("SMC", FID, VERSION) for guest in pair]
    reports = [
        guest.finish(guest.collect(entry)) for guest, entry in zip(pair, entries, strict=True)
    ]
    assert [report.values[:3] for report in reports] == [(0, VERSION, VERSION)] * 2
