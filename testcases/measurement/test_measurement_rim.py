# SPDX-License-Identifier: BSD-3-Clause
"""The realm's initial measurement, recomputed in Python from the same steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.plugin.fixtures import MakeGuest, MakeRealm
from harness.realm import GuestRealm, entry_bytes
from harness.rmi import HashAlgo, measurement_bytes
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
BLOCK_BYTES = entry_bytes(2)
DIGEST_BYTES = {HashAlgo.SHA_256: 32, HashAlgo.SHA_512: 64}
each_algorithm = pytest.mark.parametrize("algorithm", HashAlgo, ids=["sha-256", "sha-512"])

Step = Callable[[GuestRealm], object]


PARAMETERS = [{"ipa_width": 36}, {"recs": 3}, {"num_bps": 1}, {"num_wps": 1}]
PARAMETERS += [{"sve_vl": 1}, {"pmu_num_ctrs": 1}]


def rim(guest: GuestRealm) -> bytes:
    """The RIM as the realm reads it."""
    return measurement_bytes(guest.guest.rsi.measurement_read(0).require())


def page_of(byte: int) -> bytes:
    return bytes([byte]) * GRANULE_BYTES


def block_ripas(guest: GuestRealm) -> None:
    guest.realm.tables.ensure(HEAP, 2)
    guest.realm.init_ripas(HEAP, HEAP + BLOCK_BYTES)


def ripas_twice(guest: GuestRealm) -> None:
    for _ in range(2):
        guest.realm.init_ripas(HEAP, HEAP + GRANULE_BYTES)


STEPS: dict[str, Step] = {
    "nothing-more": lambda _: None,
    "measured-data": lambda g: g.realm.map_data(HEAP, page_of(1)),
    "unmeasured-data": lambda g: g.realm.map_data(HEAP, page_of(1), measure=False),
    "unknown-data": lambda g: g.realm.map_unknown(HEAP),
    "ripas-of-pages": lambda g: g.realm.init_ripas(HEAP, HEAP + 3 * GRANULE_BYTES),
    "ripas-of-a-block": block_ripas,
    "ripas-twice": ripas_twice,
    "runnable-rec": lambda g: g.realm.add_rec(pc=0x1234, gprs=range(8)),
    "other-rec": lambda g: g.realm.add_rec(pc=0x1234, runnable=False),
}
MEASURED = [name for name in STEPS if name not in ("nothing-more", "unknown-data", "other-rec")]


@each_algorithm
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_rim_is_what_the_steps_give(make_guest: MakeGuest, algorithm: HashAlgo, step: Step) -> None:
    """RIM: parameters, payload, REC, and one more step (MEAS-02)."""
    guest = make_guest(activate=False, hash_algo=algorithm)
    step(guest)
    guest.start()
    assert rim(guest) == guest.realm.measurements.rim


@each_algorithm
def test_rim_is_zero_above_the_digest(make_guest: MakeGuest, algorithm: HashAlgo) -> None:
    """A measurement slot has 64 bytes, the digest at its start."""
    value = rim(make_guest(hash_algo=algorithm))
    size_bytes = DIGEST_BYTES[algorithm]
    assert any(value[:size_bytes])
    assert value[size_bytes:] == bytes(64 - size_bytes)


@pytest.mark.parametrize("settings", PARAMETERS, ids=str)
def test_rim_follows_the_parameters(make_guest: MakeGuest, settings: dict[str, int]) -> None:
    """RIM of realms with other parameters of creation."""
    guest = make_guest(None, **settings)
    assert rim(guest) == guest.realm.measurements.rim


def test_rim_does_not_depend_on_the_personalisation_value(make_guest: MakeGuest) -> None:
    """RPV, VMID and table addresses are not measured."""
    assert rim(make_guest(rpv=b"one")) == rim(make_guest(rpv=b"another"))


@pytest.mark.parametrize("name", MEASURED)
def test_each_measured_step_changes_the_rim(make_guest: MakeGuest, name: str) -> None:
    """The twin of the computation: the step is seen in the RIM at all."""
    plain, more = make_guest(activate=False), make_guest(activate=False)
    STEPS[name](more)
    plain.start()
    more.start()
    assert rim(plain) != rim(more)


def test_rim_depends_on_the_order_of_steps(make_guest: MakeGuest) -> None:
    """The same two pages, the other way round: another RIM, each as computed (MEAS-02)."""
    seen = []
    pages = [(HEAP, page_of(1)), (HEAP + GRANULE_BYTES, page_of(2))]
    for order in (pages, pages[::-1]):
        guest = make_guest(activate=False)
        for ipa, content in order:
            guest.realm.map_data(ipa, content)
        guest.start()
        assert rim(guest) == guest.realm.measurements.rim
        seen.append(rim(guest))
    assert seen[0] != seen[1]


def test_rim_depends_on_the_size_of_ripas_steps(make_guest: MakeGuest) -> None:
    """One block or 512 pages: the descriptors differ, and so do the RIMs (1.0 only)."""
    seen = []
    for level in (2, 3):
        guest = make_guest(activate=False)
        guest.realm.tables.ensure(HEAP, level)
        guest.realm.init_ripas(HEAP, HEAP + BLOCK_BYTES)
        guest.start()
        assert rim(guest) == guest.realm.measurements.rim
        seen.append(rim(guest))
    assert seen[0] != seen[1]


def test_unmeasured_contents_do_not_matter(make_guest: MakeGuest) -> None:
    """DATA_CREATE without MEASURE_CONTENT: address and flags only."""
    seen = []
    for byte in (1, 2):
        guest = make_guest(activate=False)
        guest.realm.map_data(HEAP, page_of(byte), measure=False)
        guest.start()
        seen.append(rim(guest))
    assert seen[0] == seen[1]


def test_measured_contents_matter(make_guest: MakeGuest) -> None:
    """DATA_CREATE with MEASURE_CONTENT: one other byte, another RIM."""
    seen = []
    for byte in (1, 2):
        guest = make_guest(activate=False)
        guest.realm.map_data(HEAP, page_of(0)[:-1] + bytes([byte]))
        guest.start()
        seen.append(rim(guest))
    assert seen[0] != seen[1]


def test_refused_step_does_not_change_the_rim(make_guest: MakeGuest) -> None:
    """Commands that fail leave the RIM alone."""
    guest = make_guest(activate=False)
    realm, ns = guest.realm, guest.realm.world
    data = ns.delegated()
    assert not realm.rmi.data_create(realm.rd, data, guest.image.base, ns.page(), 1).ok
    assert not realm.rmi.rtt_init_ripas(realm.rd, HEAP, HEAP).ok
    assert not realm.rmi.rec_create(realm.rd, data, ns.page()).ok
    ns.undelegate(data)
    guest.start()
    assert rim(guest) == realm.measurements.rim


def test_rim_is_fixed_by_activation(make_guest: MakeGuest) -> None:
    """Nothing that the host may still do in an ACTIVE realm changes the RIM (MEAS-01)."""
    guest = make_guest(activate=False)
    guest.realm.init_ripas(HEAP, HEAP + 2 * GRANULE_BYTES)
    guest.start()
    before = rim(guest)
    guest.realm.map_unknown(HEAP)
    guest.realm.unmap_data(HEAP)
    guest.realm.share_page(guest.realm.unprotected_base)
    assert rim(guest) == before


def test_realms_are_measured_apart(make_guest: MakeGuest, make_realm: MakeRealm) -> None:
    """Steps on another realm in between do not show."""
    guest = make_guest(activate=False)
    other = make_realm()
    other.init_ripas(HEAP, HEAP + GRANULE_BYTES)
    guest.realm.map_data(HEAP, page_of(1))
    other.map_data(HEAP, page_of(2))
    guest.start()
    assert rim(guest) == guest.realm.measurements.rim
