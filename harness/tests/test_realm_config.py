# SPDX-License-Identifier: BSD-3-Clause
"""Realm settings: the parameter page and the root tables that go with them."""

from __future__ import annotations

import pytest

from harness.abi import codec, tables
from harness.errors import AbiError, RealmError
from harness.realm import RealmConfig, entry_bytes, mpidr_of_index, rec_params, root_table_count
from harness.realm.config import default_start_level
from harness.rmi import HashAlgo
from harness.types import Pa

FEATURES = tables().bitfield("RmiFeatureRegister0").encode(S2SZ=48, NUM_BPS=5, NUM_WPS=3)


@pytest.mark.parametrize(
    ("s2sz", "start_level", "count"),
    # ACS examples as rmi-1.0.toml quotes them, then widths that one table covers.
    [(32, 2, 4), (34, 2, 16), (40, 1, 2), (42, 1, 8), (52, 0, 16), (30, 2, 1), (39, 1, 1)],
)
def test_root_tables(s2sz: int, start_level: int, count: int) -> None:
    assert root_table_count(s2sz, start_level) == count
    assert RealmConfig(ipa_width=s2sz, start_level=start_level).root_tables == count


@pytest.mark.parametrize(
    ("s2sz", "level", "count"),
    [(32, 2, 4), (34, 2, 16), (35, 1, 1), (40, 1, 2), (43, 1, 16), (44, 0, 1), (48, 0, 1)],
)
def test_default_start_level_is_the_deepest(s2sz: int, level: int, count: int) -> None:
    config = RealmConfig(ipa_width=s2sz)
    assert (config.level, config.root_tables) == (level, count)


def test_width_that_no_start_level_covers() -> None:
    with pytest.raises(RealmError, match="no start level covers an IPA width of 53 bits"):
        default_start_level(53)


def test_sizes_of_entries() -> None:
    assert [entry_bytes(level) for level in (3, 2, 1, 0)] == [1 << n for n in (12, 21, 30, 39)]


def test_params_page() -> None:
    config = RealmConfig(ipa_width=34, hash_algo=HashAlgo.SHA_512, rpv=b"rpv", flags=4)
    page = config.params(features=FEATURES, vmid=7, rtt_base=Pa(0x8001_0000))
    assert len(page) == 4096
    shown = codec("RmiRealmParams").unpack(page)
    assert shown == {
        "flags": 4,
        "s2sz": 34,
        "sve_vl": 0,
        "num_bps": 5,
        "num_wps": 3,
        "pmu_num_ctrs": 0,
        "hash_algo": 1,
        "rpv": b"rpv".ljust(64, b"\0"),
        "vmid": 7,
        "rtt_base": 0x8001_0000,
        "rtt_level_start": 2,
        "rtt_num_start": 16,
    }


@pytest.mark.parametrize(
    ("config", "shown"),
    [(RealmConfig(num_bps=0), (0, 3)), (RealmConfig(num_wps=1), (5, 1))],
)
def test_breakpoints_as_told(config: RealmConfig, shown: tuple[int, int]) -> None:
    page = config.params(features=FEATURES, vmid=1, rtt_base=Pa(0))
    params = codec("RmiRealmParams").unpack(page)
    assert (params["num_bps"], params["num_wps"]) == shown


def test_setting_that_has_no_room() -> None:
    with pytest.raises(AbiError, match="s2sz is u8"):
        RealmConfig(ipa_width=300, start_level=0).params(features=0, vmid=1, rtt_base=Pa(0))


@pytest.mark.parametrize(
    ("index", "mpidr"),
    [(0, 0), (15, 15), (16, 0x100), (0x1234, 0x12304), (1 << 12, 0x1_0000), (1 << 20, 0x100_0000)],
)
def test_mpidr_of_index(index: int, mpidr: int) -> None:
    assert mpidr_of_index(index) == mpidr


def test_mpidr_is_the_inverse_of_the_index_of_the_specification() -> None:
    word = tables().bitfield("RmiRecMpidr")
    for index in (0, 1, 17, 0xABC, 0x12345, 0xFFFFFFF):
        aff = word.decode(mpidr_of_index(index))
        assert aff["AFF0"] | aff["AFF1"] << 4 | aff["AFF2"] << 12 | aff["AFF3"] << 20 == index


def test_rec_params_page() -> None:
    page = rec_params(mpidr=0x100, pc=0x1_0000, gprs=(40, 1), runnable=False, aux=(Pa(0x9000),))
    shown = codec("RmiRecParams").unpack(page)
    assert (shown["flags"], shown["mpidr"], shown["pc"]) == (0, 0x100, 0x1_0000)
    assert (shown["num_aux"], shown["aux"]) == (1, (0x9000, *[0] * 15))
    assert shown["gprs"] == (40, 1, *[0] * 6)
    told = codec("RmiRecParams").unpack(rec_params(mpidr=0, pc=0, num_aux=17))
    assert (told["flags"], told["num_aux"]) == (1, 17)
