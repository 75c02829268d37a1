# SPDX-License-Identifier: BSD-3-Clause
"""An interrupt from one REC to another, carried by the host as a hypervisor does."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeGuest
from harness.realm import Report, SysregExit, a64
from harness.realm.gic import LrState, list_register, lr_state
from harness.realm.sysregs import ENCODINGS

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

INTID = 5
INTID_SHIFT = 24
TICKS_LONG = 1 << 34


def test_host_carries_an_sgi_from_rec_to_rec(make_guest: MakeGuest) -> None:
    """ICC_SGI1R exits from REC 0; REC 1 takes the interrupt from its list register (GIC-11)."""
    guest = make_guest(recs=2)
    target = guest.power_on(1)
    assert target.run("IRQ_SETUP").ok
    word = INTID << INTID_SHIFT | 1 << 1
    write = a64.msr(0, *ENCODINGS["ICC_SGI1R_EL1"])
    seen = guest.guest.submit_insn(write, [(0, word)])
    assert isinstance(seen, SysregExit)
    intid = seen.gprs[0] >> INTID_SHIFT & 0xF
    waiting = target.submit("IRQ_WAIT", TICKS_LONG, gicv3_lrs=[list_register(intid)])
    assert Report.of(waiting).values[:2] == (1, INTID)
    assert lr_state(waiting.lrs[0]) is LrState.INVALID
    assert guest.guest.finish(guest.guest.resume()).irqs == 0
