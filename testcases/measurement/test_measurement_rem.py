# SPDX-License-Identifier: BSD-3-Clause
"""The extensible measurements: RSI_MEASUREMENT_READ and RSI_MEASUREMENT_EXTEND."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.plugin.fixtures import MakeGuest
from harness.realm import GuestRealm, Measurements
from harness.rmi import Fails, HashAlgo, Succeeds, measurement_bytes
from harness.types import GRANULE_BYTES, MASK64

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

INDEXES = pytest.mark.parametrize("index", [1, 2, 3, 4])
VALUE = bytes(range(0x40, 0x80))
each_algorithm = pytest.mark.parametrize("algorithm", HashAlgo, ids=["sha-256", "sha-512"])


def read(guest: GuestRealm, index: int) -> bytes:
    return measurement_bytes(guest.guest.rsi.measurement_read(index).require())


def rems(guest: GuestRealm) -> list[bytes]:
    return [read(guest, index) for index in (1, 2, 3, 4)]


def extend(guest: GuestRealm, index: int, value: bytes) -> None:
    assert guest.guest.rsi.measurement_extend(index, value) == Succeeds()
    guest.realm.measurements.extend_rem(index, value)


def test_rems_start_at_zero(guest: GuestRealm) -> None:
    """RSI_MEASUREMENT_READ of each REM before any extension (MEAS-03)."""
    assert rems(guest) == [bytes(64)] * 4


@each_algorithm
@pytest.mark.parametrize("size_bytes", [0, 1, 31, 32, 33, 63, 64])
def test_extension_by_any_size(make_guest: MakeGuest, algorithm: HashAlgo, size_bytes: int) -> None:
    """New REM = H(old REM, value), sizes 0 to 64 (MEXT-04)."""
    guest = make_guest(hash_algo=algorithm)
    extend(guest, 1, VALUE[:size_bytes])
    assert read(guest, 1) == guest.realm.measurements.rems[0]


@INDEXES
def test_extension_of_each_rem(guest: GuestRealm, index: int) -> None:
    """The REM named changes, the others and the RIM stay (MEAS-04)."""
    rim = read(guest, 0)
    extend(guest, index, VALUE)
    assert rems(guest) == guest.realm.measurements.rems
    assert read(guest, 0) == rim


@each_algorithm
def test_extensions_add_up(make_guest: MakeGuest, algorithm: HashAlgo) -> None:
    """Each extension hashes the value that the one before left."""
    guest = make_guest(hash_algo=algorithm)
    for size_bytes in (64, 1, 0, 32):
        extend(guest, 2, VALUE[:size_bytes])
    assert rems(guest) == guest.realm.measurements.rems


def test_bytes_behind_the_size_are_not_hashed(guest: GuestRealm) -> None:
    """Only `size` bytes of X3..X10 count."""
    rsi = guest.guest.rsi
    rsi.measurement_extend(1, VALUE, size=5).require()
    rsi.measurement_extend(2, VALUE[:5] + b"\xee" * 59, size=5).require()
    assert read(guest, 1) == read(guest, 2)


@pytest.mark.parametrize("index", [0, 5, MASK64], ids=["rim", "behind-the-last", "huge"])
def test_extension_of_no_rem_is_refused(guest: GuestRealm, index: int) -> None:
    """RSI_MEASUREMENT_EXTEND of the RIM or beyond the REMs (MEXT-01, MEXT-02)."""
    before = [read(guest, n) for n in range(5)]
    assert guest.guest.rsi.measurement_extend(index, VALUE) == Fails("index_bound")
    assert [read(guest, n) for n in range(5)] == before


@pytest.mark.parametrize("size", [65, 1 << 32, MASK64])
def test_extension_by_too_much_is_refused(guest: GuestRealm, size: int) -> None:
    """RSI_MEASUREMENT_EXTEND by more than 64 bytes (MEXT-03)."""
    assert guest.guest.rsi.measurement_extend(1, VALUE, size=size) == Fails("size_bound")
    assert rems(guest) == [bytes(64)] * 4


@pytest.mark.parametrize("index", [5, MASK64], ids=["behind-the-last", "huge"])
def test_reading_no_measurement_is_refused(guest: GuestRealm, index: int) -> None:
    """RSI_MEASUREMENT_READ beyond the last slot (MRD-01)."""
    assert guest.guest.rsi.measurement_read(index) == Fails("index_bound")


@pytest.mark.parametrize("index", range(5))
def test_each_slot_can_be_read(guest: GuestRealm, index: int) -> None:
    """RSI_MEASUREMENT_READ of RIM and REMs (MRD-02, MEAS-08)."""
    assert guest.guest.rsi.measurement_read(index) == Succeeds()


def test_rems_of_two_realms_are_kept_apart(make_guest: MakeGuest) -> None:
    """An extension in one realm does not show in the other."""
    one, other = make_guest(), make_guest()
    extend(one, 1, VALUE)
    assert rems(other) == [bytes(64)] * 4


def test_extensions_on_two_pes_come_one_after_the_other(
    make_guest: MakeGuest, second_pe: int
) -> None:
    """Whichever REC is first, the REM is one of the two chains (MEAS-06)."""
    guest = make_guest(recs=2)
    second = guest.power_on(1)
    second.pe = second_pe
    fid = tables().command("RSI_MEASUREMENT_EXTEND").fid
    running = second.start("SMC", fid, 1, 8, 2)
    guest.guest.rsi.call("RSI_MEASUREMENT_EXTEND", 1, 8, 1).require()
    second.finish(second.collect(running))
    assert read(guest, 1) in [chain(guest, order) for order in ((1, 2), (2, 1))]


def chain(guest: GuestRealm, words: tuple[int, ...]) -> bytes:
    """A REM after extensions by some 8-byte words."""
    computed = Measurements(guest.realm.config.hash_algo, bytes(GRANULE_BYTES))
    for word in words:
        computed.extend_rem(1, word.to_bytes(8, "little"))
    return computed.rems[0]


def test_recs_of_a_realm_share_the_rems(make_guest: MakeGuest) -> None:
    """What one REC extends another reads, and extends further."""
    guest = make_guest(recs=2)
    second = guest.power_on(1)
    extend(guest, 1, VALUE)
    second.rsi.measurement_extend(1, VALUE[:8]).require()
    guest.realm.measurements.extend_rem(1, VALUE[:8])
    assert read(guest, 1) == guest.realm.measurements.rems[0]
