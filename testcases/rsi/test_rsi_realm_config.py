# SPDX-License-Identifier: BSD-3-Clause
"""RSI_REALM_CONFIG: what the realm learns about itself."""

from __future__ import annotations

import pytest

from harness.abi import codec
from harness.plugin.fixtures import MakeGuest
from harness.realm import DataAbort, GuestRealm
from harness.rmi import Fails, HashAlgo, Succeeds
from harness.types import GRANULE_BYTES, MASK64, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
CONFIG = codec("RsiRealmConfig")
RPV = bytes(range(1, 65))


def configured(make_guest: MakeGuest, **settings: object) -> GuestRealm:
    """A realm with a page full of ones at HEAP for the configuration."""
    guest = make_guest(activate=False, **settings)
    guest.realm.map_data(HEAP, b"\xff" * GRANULE_BYTES)
    guest.start()
    return guest


def field(guest: GuestRealm, name: str) -> bytes:
    """Read a field of the configuration inside the realm."""
    at, size_bytes = HEAP + CONFIG.offset(name), CONFIG.fields[name].field.size
    width = min(size_bytes, 8)
    words = [guest.guest.read(at + n, width).value for n in range(0, size_bytes, width)]
    return b"".join(word.to_bytes(width, "little") for word in words)


@pytest.mark.parametrize("ipa_width", [32, 40, 48])
def test_config_has_the_ipa_width(make_guest: MakeGuest, ipa_width: int) -> None:
    """ipa_width is RmiRealmParams.s2sz (RCFG-03)."""
    guest = configured(make_guest, ipa_width=ipa_width)
    assert guest.guest.rsi.realm_config(HEAP) == Succeeds()
    assert int.from_bytes(field(guest, "ipa_width"), "little") == ipa_width


@pytest.mark.parametrize("algorithm", HashAlgo, ids=["sha-256", "sha-512"])
def test_config_has_the_hash_algorithm(make_guest: MakeGuest, algorithm: HashAlgo) -> None:
    """hash_algo is RmiRealmParams.hash_algo (RCFG-03)."""
    guest = configured(make_guest, hash_algo=algorithm)
    assert guest.guest.rsi.realm_config(HEAP) == Succeeds()
    assert field(guest, "hash_algo") == bytes([algorithm])


def test_config_has_the_personalisation_value(make_guest: MakeGuest) -> None:
    """rpv is RmiRealmParams.rpv (RCFG-03)."""
    guest = configured(make_guest, rpv=RPV)
    assert guest.guest.rsi.realm_config(HEAP) == Succeeds()
    assert field(guest, "rpv") == RPV


def test_config_is_zero_elsewhere(make_guest: MakeGuest) -> None:
    """All 4 KiB are written: no byte keeps what the page had before."""
    guest = configured(make_guest, rpv=RPV)
    guest.guest.rsi.realm_config(HEAP).require()
    page = CONFIG.encode(ipa_width=40, hash_algo=int(HashAlgo.SHA_256), rpv=RPV)
    words = [int.from_bytes(page[at : at + 8], "little") for at in range(0, GRANULE_BYTES, 8)]
    assert guest.guest.run("SUM", HEAP, GRANULE_BYTES).value == sum(words) & MASK64


@pytest.mark.parametrize(
    ("condition", "addr"),
    [
        ("addr_align", HEAP + 0x800),
        ("addr_bound", 1 << 39),
        ("addr_bound", 1 << 50),
        ("addr_bound", HEAP + GRANULE_BYTES),
    ],
    ids=["unaligned", "unprotected", "nowhere", "empty"],
)
def test_bad_page_is_refused(make_guest: MakeGuest, condition: str, addr: int) -> None:
    """RSI_REALM_CONFIG checks its address (RCFG-01, RCFG-02); the page at HEAP stays as it was."""
    guest = configured(make_guest)
    assert guest.guest.rsi.realm_config(addr) == Fails(condition)
    assert guest.guest.read(HEAP + 0x800).value == MASK64


def test_missing_page_exits_and_the_call_starts_over(make_guest: MakeGuest) -> None:
    """RAM that is not mapped: an emulated data abort, and after mapping the call succeeds."""
    guest = make_guest(activate=False)
    guest.realm.init_ripas(HEAP, HEAP + GRANULE_BYTES)
    guest.start()
    seen = guest.guest.submit_smc("RSI_REALM_CONFIG", HEAP)
    assert isinstance(seen, DataAbort)
    assert set(seen.specific()) == {"esr", "hpfar"}
    assert (seen.ipa, seen.fault_level, seen.emulatable) == (HEAP, 3, False)
    guest.realm.map_unknown(HEAP)
    assert guest.guest.finish_smc("RSI_REALM_CONFIG", HEAP) == Succeeds()
    assert int.from_bytes(field(guest, "ipa_width"), "little") == 40


def test_destroyed_page_exits(make_guest: MakeGuest) -> None:
    """RIPAS DESTROYED: the same abort, time and again."""
    guest = configured(make_guest)
    guest.realm.unmap_data(HEAP)
    assert isinstance(guest.guest.submit_smc("RSI_REALM_CONFIG", HEAP), DataAbort)
    assert isinstance(guest.guest.resume(), DataAbort)
