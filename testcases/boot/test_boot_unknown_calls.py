# SPDX-License-Identifier: BSD-3-Clause
"""SMCs that are no RMI call, or not one that the normal world may make."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.realm import NormalWorld
from harness.types import GRANULE_BYTES

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

RMI_FIRST, RMI_LAST = 0xC400_0150, 0xC400_018F
NOT_SUPPORTED = (0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF)
SVE_HINT = 1 << 16
SMC64 = 1 << 30

RMI_FIDS = {c.fid for name, c in tables().commands.items() if name.startswith("RMI_")}
UNUSED_FIDS = [fid for fid in range(RMI_FIRST, RMI_LAST + 1) if fid not in RMI_FIDS]
RSI_FIDS = {n: c.fid for n, c in tables().commands.items() if n.startswith("RSI_")}
EL3_FIDS = {n: c.fid for n, c in tables().commands.items() if n.startswith("RMM_")}


@pytest.mark.parametrize("fid", UNUSED_FIDS, ids=hex)
def test_unused_function_ids_are_unknown(ns: NormalWorld, fid: int) -> None:
    """A function id in the RMI range without a command gives -1."""
    assert ns.link.smc(fid)[0] in NOT_SUPPORTED


@pytest.mark.parametrize("name", RSI_FIDS)
def test_the_host_cannot_call_rsi(ns: NormalWorld, name: str) -> None:
    """RSI is the realm's interface: -1 from the normal world."""
    assert ns.link.smc(RSI_FIDS[name])[0] in NOT_SUPPORTED


@pytest.mark.parametrize("name", EL3_FIDS)
def test_the_host_cannot_call_what_el3_offers_the_rmm(ns: NormalWorld, name: str) -> None:
    """The RMM-EL3 interface is for R-EL2 alone: -1, and no GPT entry changes."""
    granule = ns.page()
    assert ns.link.smc(EL3_FIDS[name], granule)[0] in NOT_SUPPORTED
    assert ns.peek(granule).ok


@pytest.mark.parametrize("name", ["RMI_VERSION", "RMI_FEATURES", "RMI_GRANULE_DELEGATE"])
def test_rmi_has_no_32_bit_calls(ns: NormalWorld, name: str) -> None:
    """RMI is SMC64 only: the SMC32 function id is unknown."""
    granule = ns.page()
    fid = tables().command(name).fid & ~SMC64
    assert ns.link.smc(fid, granule)[0] in NOT_SUPPORTED
    assert ns.peek(granule).ok


def test_the_sve_hint_of_a_function_id_is_ignored(ns: NormalWorld) -> None:
    """SMCCC 1.3: bit 16 says that no SVE state is live; the call is the same."""
    fid = tables().command("RMI_FEATURES").fid
    assert ns.link.smc(fid | SVE_HINT, 0)[:2] == ns.link.smc(fid, 0)[:2]


def test_an_unknown_call_changes_nothing(ns: NormalWorld) -> None:
    """A delegated granule named in unknown calls stays delegated."""
    granule = ns.delegated()
    for fid in UNUSED_FIDS[:4]:
        ns.link.smc(fid, granule, granule, granule + GRANULE_BYTES)
    assert ns.peek(granule).granule_fault
    ns.undelegate(granule)
