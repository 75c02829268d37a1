# SPDX-License-Identifier: BSD-3-Clause
"""RSI and SMCCC calls that answer without the host, and calls that a realm may not make."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.plugin.fixtures import MakeGuest
from harness.realm import GuestRealm, a64
from harness.rmi import Fails, Succeeds
from harness.types import GRANULE_BYTES, MASK64, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
BORDER = Ipa(1 << 39)
RSI_1_0 = tables().constants["RSI_ABI_VERSION"]
UNKNOWN_CALLS = {
    "standard-service": 0xC400_01AF,
    "vendor": 0xC600_0000,
    "arm-architecture": 0x8000_3FFF,
    "trusted-os": 0xBF00_FF01,
    "yielding": 0x0000_0001,
}
RMI_CALLS = [name for name in tables().commands if name.startswith("RMI_")]


def test_version_one_zero_is_offered(guest: GuestRealm) -> None:
    """RSI_VERSION(1.0): success, lower and higher both name it (RSI-02)."""
    assert guest.guest.rsi.version(RSI_1_0) == Succeeds(lower=RSI_1_0, higher=RSI_1_0)


@pytest.mark.parametrize("req", [0, RSI_1_0 + 0x10000, RSI_1_0 - 1], ids=["0.0", "2.0", "0.65535"])
def test_other_major_version_is_refused(guest: GuestRealm, req: int) -> None:
    """RSI_VERSION of what the RMM is not: lower and higher still say what it is (RSI-02)."""
    wanted = Fails("incompatible", outputs={"lower": RSI_1_0, "higher": RSI_1_0})
    assert guest.guest.rsi.version(req) == wanted


@pytest.mark.parametrize("index", [0, 1, MASK64])
def test_features_are_zero(guest: GuestRealm, index: int) -> None:
    """RSI_FEATURES of 1.0 returns zero for every index (RSI-04)."""
    assert guest.guest.rsi.features(index) == Succeeds(value=0)


def test_smccc_version_is_at_least_one_dot_two(guest: GuestRealm) -> None:
    """SMCCC_VERSION: RSI needs 1.2."""
    version = guest.guest.rsi.call("SMCCC_VERSION").x[0]
    assert (version >> 16, version & 0xFFFF) >= (1, 2)


def test_call_keeps_registers_that_it_does_not_return(guest: GuestRealm) -> None:
    """RSI_FEATURES returns X0 and X1: no other register changes."""
    fid = tables().command("RSI_FEATURES").fid
    report = guest.guest.execute(a64.smc(), [(0, fid)])
    assert report.values[3] == 0b11


@pytest.mark.parametrize("fid", UNKNOWN_CALLS.values(), ids=UNKNOWN_CALLS.keys())
def test_unknown_function_is_not_supported(guest: GuestRealm, fid: int) -> None:
    """An SMC that is none of RSI, PSCI and SMCCC_VERSION returns -1 (EXIT-08)."""
    assert guest.guest.smc_in_realm(fid, 1, 2, 3)[0] == MASK64


def test_host_commands_from_the_realm_are_not_supported(guest: GuestRealm) -> None:
    """A realm cannot use RMI: -1 for each command, and nothing happens (RSI-05)."""
    rsi = guest.guest.rsi
    results = [rsi.call(name, guest.realm.rd, guest.rec.pa) for name in RMI_CALLS]
    assert [r for r in results if not r.unknown_function] == []


def test_hvc_is_undefined(guest: GuestRealm) -> None:
    """There is no hypervisor for a realm: HVC takes an Unknown exception at EL1 (EXIT-07)."""
    report = guest.guest.execute(a64.hvc(0))
    assert report.is_undefined
    assert report.exceptions == 1


@pytest.mark.requires("no-attestation")
def test_token_cannot_be_made_without_attestation(guest: GuestRealm) -> None:
    """RSI_ATTESTATION_TOKEN_INIT of an RMM that has no attestation service."""
    assert guest.guest.rsi.attestation_token_init(b"\x5a" * 64) == Fails("unknown")


@pytest.fixture
def with_page(make_guest: MakeGuest) -> GuestRealm:
    """A realm with a page of RAM at HEAP and one at the end of protected memory."""
    guest = make_guest(activate=False)
    guest.realm.init_ripas(HEAP, HEAP + GRANULE_BYTES)
    guest.realm.map_unknown(HEAP)
    guest.start()
    return guest


@pytest.mark.parametrize(
    ("condition", "addr", "offset", "size"),
    [
        ("addr_align", HEAP + 1, 0, 1),
        ("addr_bound", BORDER, 0, 1),
        ("addr_bound", HEAP + GRANULE_BYTES, 0, 1),
        ("offset_bound", HEAP, GRANULE_BYTES, 0),
        ("size_overflow", HEAP, 1, MASK64),
        ("size_bound", HEAP, 1, GRANULE_BYTES),
        ("state", HEAP, 0, GRANULE_BYTES),
    ],
    ids=["unaligned", "unprotected", "empty", "offset", "overflow", "size", "no-token"],
)
def test_token_continue_is_refused(
    with_page: GuestRealm, condition: str, addr: int, offset: int, size: int
) -> None:
    """RSI_ATTESTATION_TOKEN_CONTINUE checks its buffer, then for a token (ATTC-01..05)."""
    result = with_page.guest.rsi.attestation_token_continue(addr, offset, size)
    assert result == Fails(condition)
