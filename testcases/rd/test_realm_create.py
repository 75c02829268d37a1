# SPDX-License-Identifier: BSD-3-Clause
"""RMI_REALM_CREATE: its arguments, and parameters that are not valid or not supported."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.plugin.fixtures import MakeRealm
from harness.plugin.prepared import MakeDraft
from harness.realm import NormalWorld, RealmConfig, RealmDraft, Zoo
from harness.realm.zoo import SPECIAL, kinds_but, refusal
from harness.rmi import Fails, HashAlgo, Rmi, Succeeds
from harness.types import GRANULE_BYTES, Pa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

FLAGS = tables().bitfield("RmiRealmFlags")
FEATURES = tables().bitfield("RmiFeatureRegister0")


def test_create_makes_a_realm(realm_draft: RealmDraft) -> None:
    """RMI_REALM_CREATE, success (RDC-35)."""
    assert realm_draft.create() == Succeeds()


def test_create_consumes_rd_and_root_tables(rmi: Rmi, realm_draft: RealmDraft) -> None:
    """RMI_REALM_CREATE, success: none of the granules is just DELEGATED any more."""
    realm_draft.create().require()
    assert rmi.granule_undelegate(realm_draft.rd) == Fails("gran_state")
    for number in range(realm_draft.root_granules):
        table = realm_draft.root + number * GRANULE_BYTES
        assert rmi.granule_undelegate(table) == Fails("gran_state")


@pytest.mark.parametrize("hash_algo", list(HashAlgo), ids=lambda algo: algo.name)
def test_create_takes_every_offered_hash(make_realm: MakeRealm, hash_algo: HashAlgo) -> None:
    """RMI_REALM_CREATE, success: hash_algo."""
    make_realm(hash_algo=hash_algo)


def test_create_ignores_a_personalisation_value(make_realm: MakeRealm) -> None:
    """RMI_REALM_CREATE, success: any 64 bytes are a valid rpv."""
    make_realm(rpv=bytes(range(0xC0, 0x100)))


@pytest.mark.parametrize("kind", kinds_but("delegated"))
def test_rd_must_be_a_delegated_granule(realm_draft: RealmDraft, zoo: Zoo, kind: str) -> None:
    """RMI_REALM_CREATE, rd_align, rd_bound, rd_state (RDC-16..23)."""
    rd = zoo.instead_of("delegated", kind)
    assert realm_draft.create(rd=rd) == Fails(refusal("rd", kind))


@pytest.mark.parametrize("kind", kinds_but("undelegated"))
def test_params_must_lie_in_the_normal_world(realm_draft: RealmDraft, zoo: Zoo, kind: str) -> None:
    """RMI_REALM_CREATE, params_align, params_bound, params_pas (RDC-01..05)."""
    params = zoo.instead_of("undelegated", kind)
    assert realm_draft.create(params_ptr=params) == Fails(refusal("params", kind, state="pas"))


@pytest.mark.parametrize("offset_bytes", [1, 8, 0x800])
def test_valid_params_must_be_aligned(
    ns: NormalWorld, realm_draft: RealmDraft, offset_bytes: int
) -> None:
    """RMI_REALM_CREATE, params_align: nothing is wrong but the address (RDC-01)."""
    area = ns.page(count=2)
    ns.write(area + offset_bytes, ns.read(realm_draft.params(), GRANULE_BYTES))
    assert realm_draft.create(params_ptr=area + offset_bytes) == Fails("params_align")


@pytest.mark.parametrize("kind", [k for k in kinds_but("delegated") if k != "misaligned"])
def test_root_tables_must_be_delegated_granules(zoo: Zoo, make_draft: MakeDraft, kind: str) -> None:
    """RMI_REALM_CREATE, rtt_state (RDC-27): one root table, so that no alignment is in the way."""
    draft = make_draft(RealmConfig(ipa_width=39, start_level=1))
    assert draft.create(rtt_base=int(zoo[kind])) == Fails("rtt_state")


@pytest.mark.parametrize("missing", [0, 1, 15])
def test_each_root_table_must_be_delegated(
    ns: NormalWorld, make_draft: MakeDraft, missing: int
) -> None:
    """RMI_REALM_CREATE, rtt_state: the first, second or last of 16 is not (RDC-27)."""
    draft = make_draft(RealmConfig(ipa_width=34, start_level=2))
    table = Pa(draft.root + missing * GRANULE_BYTES)
    ns.undelegate(table)
    assert draft.create() == Fails("rtt_state")
    ns.rmi.granule_delegate(table).require()
    assert draft.create() == Succeeds()


@pytest.mark.parametrize("which", [0, 1])
def test_rd_must_not_be_a_root_table(realm_draft: RealmDraft, which: int) -> None:
    """RMI_REALM_CREATE, alias: rd is the first or the last root table (RDC-15)."""
    rd = Pa(realm_draft.root + which * GRANULE_BYTES)
    assert realm_draft.create(rd=rd) == Fails("alias")


@pytest.mark.parametrize("offset_bytes", [1, 8, 0x800, GRANULE_BYTES])
def test_root_tables_must_be_aligned_to_their_size(
    make_draft: MakeDraft, offset_bytes: int
) -> None:
    """RMI_REALM_CREATE, rtt_align: two tables need 8 KiB alignment (RDC-24)."""
    draft = make_draft(root_granules=4)
    assert draft.create(rtt_base=int(draft.root) + offset_bytes) == Fails("rtt_align")


NOT_VALID: list[tuple[str, int]] = [
    ("hash_algo", 2),
    ("hash_algo", 0xFF),
    ("s2sz", 0),
    ("num_bps", 0),
    ("num_wps", 0),
    ("rtt_level_start", -1),
    ("rtt_level_start", 3),
    ("rtt_level_start", 4),
    ("rtt_level_start", 1 << 32 | 1),
    ("rtt_level_start", 1 << 63),
    ("rtt_num_start", 0),
]


@pytest.mark.parametrize(("field", "value"), NOT_VALID)
def test_parameters_must_be_valid(realm_draft: RealmDraft, field: str, value: int) -> None:
    """RMI_REALM_CREATE, params_valid (RDC-06, RDC-07, RDC-12, RDC-13, RDC-26)."""
    assert realm_draft.create(**{field: value}) == Fails("params_valid")


@pytest.mark.parametrize(("s2sz", "count"), [(31, 2), (30, 1), (25, 1)])
def test_an_ipa_width_below_32_is_refused(realm_draft: RealmDraft, s2sz: int, count: int) -> None:
    """RMI_REALM_CREATE, params_valid: also where the root tables fit the width (RDC-07)."""
    shape = {"rtt_level_start": 2, "rtt_num_start": count}
    assert realm_draft.create(s2sz=s2sz, **shape) == Fails("params_valid")


def test_a_flag_that_is_not_offered_is_refused(ns: NormalWorld, realm_draft: RealmDraft) -> None:
    """RMI_REALM_CREATE, params_supp: LPA2, SVE, PMU (RDC-09..11, RD-08)."""
    for flag, feature in (("LPA2", "LPA2"), ("SVE", "SVE_EN"), ("PMU", "PMU_EN")):
        if not FEATURES.bits(feature).get(ns.features):
            assert realm_draft.create(flags=FLAGS.encode(**{flag: 1})) == Fails("params_supp")


@pytest.mark.parametrize(
    ("field", "feature"), [("s2sz", "S2SZ"), ("num_bps", "NUM_BPS"), ("num_wps", "NUM_WPS")]
)
@pytest.mark.parametrize("excess", [1, 3])
def test_no_more_than_the_rmm_offers(
    ns: NormalWorld, realm_draft: RealmDraft, field: str, feature: str, excess: int
) -> None:
    """RMI_REALM_CREATE, params_supp (RDC-07, RDC-12, RDC-13, RD-05)."""
    offered = FEATURES.bits(feature).get(ns.features)
    assert realm_draft.create(**{field: offered + excess}) == Fails("params_supp")


@pytest.mark.parametrize(("s2sz", "count"), [(49, 2), (50, 4), (51, 8), (52, 16)])
def test_an_ipa_width_above_48_is_refused(make_draft: MakeDraft, s2sz: int, count: int) -> None:
    """RMI_REALM_CREATE, params_supp: no LPA2; also where the root tables fit the width (RD-05)."""
    draft = make_draft(root_granules=count)
    shape = {"rtt_level_start": 0, "rtt_num_start": count}
    assert draft.create(s2sz=s2sz, **shape) == Fails("params_supp")


def test_a_start_level_of_lpa2_is_refused(make_draft: MakeDraft) -> None:
    """RMI_REALM_CREATE, params_valid: level -1 for 48 bits (RD-04)."""
    draft = make_draft(RealmConfig(ipa_width=48, start_level=0))
    assert draft.create(rtt_level_start=-1) == Fails("params_valid")


@pytest.mark.parametrize("field", ["num_bps", "num_wps"])
def test_the_fewest_debug_registers_are_enough(realm_draft: RealmDraft, field: str) -> None:
    """RMI_REALM_CREATE, success: 1 stands for two registers, the least that there is."""
    assert realm_draft.create(**{field: 1}) == Succeeds()


def test_a_refused_create_consumes_nothing(ns: NormalWorld, realm_draft: RealmDraft) -> None:
    """RMI_REALM_CREATE: after a failure the same granules and the same VMID still do."""
    assert realm_draft.create(hash_algo=0xFF) == Fails("params_valid")
    assert realm_draft.create(params_ptr=SPECIAL["device"]) == Fails("params_bound")
    assert ns.peek(realm_draft.rd).granule_fault
    assert realm_draft.create() == Succeeds()
