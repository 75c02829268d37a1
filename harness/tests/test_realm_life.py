# SPDX-License-Identifier: BSD-3-Clause
"""A realm's life: created, filled, run and destroyed; a failed step gives everything back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.abi import Value, codec
from harness.errors import AbiError, RealmError
from harness.realm import (
    HostCallExit,
    IrqExit,
    Measurements,
    NormalWorld,
    PayloadImage,
    Realm,
    RealmConfig,
    build_realm,
    start_realm,
    unprotected_desc,
)
from harness.realm.state import advance
from harness.rmi import CommandFailed, EnterFlags
from harness.tests.fake_host import INPUT, FakeHost, Words, new_world, rtt_error
from harness.types import GRANULE_BYTES, Ipa, Pa

PAGE = GRANULE_BYTES
TABLE_BYTES = 1 << 21
CONFIG = RealmConfig(ipa_width=32, rpv=b"mine", num_bps=5, num_wps=3)
IMAGE = PayloadImage(
    base=Ipa(0x1_0000),
    content=b"\x11" * (PAGE + 16),
    end=Ipa(0x1_0000 + 3 * PAGE),
    entry=Ipa(0x1_0000),
    secondary_entry=Ipa(0x1_0040),
)


class FakeRealm(FakeHost):
    """One realm whose level 3 tables are all there for nothing, and what is mapped in them."""

    def __init__(self, *, aux: int = 2) -> None:
        super().__init__()
        self.mapped: dict[int, int] = {}
        self.answers |= {
            "RMI_REC_AUX_COUNT": lambda _rd: (0, aux),
            "RMI_RTT_READ_ENTRY": lambda _rd, _ipa, level: (0, level),
            "RMI_RTT_INIT_RIPAS": lambda _rd, _base, top: (0, top),
            "RMI_DATA_CREATE": lambda _rd, data, ipa, *_: self._map(ipa, data),
            "RMI_DATA_CREATE_UNKNOWN": lambda _rd, data, ipa: self._map(ipa, data),
            "RMI_DATA_DESTROY": self._unmap,
            "RMI_RTT_DESTROY": self._destroy_table,
        }

    def _map(self, ipa: int, data: int) -> Words:
        self.mapped[ipa] = data
        return (0,)

    def _next(self, ipa: int, end: int) -> int:
        return min((at for at in self.mapped if ipa <= at < end), default=end)

    def _unmap(self, _rd: int, ipa: int) -> Words:
        end = ipa // TABLE_BYTES * TABLE_BYTES + TABLE_BYTES
        if ipa not in self.mapped:
            return rtt_error(3, 0, self._next(ipa, end))
        return (0, self.mapped.pop(ipa), self._next(ipa, end))

    def _destroy_table(self, _rd: int, ipa: int, _level: int) -> Words:
        following = self._next(ipa, 1 << 32)
        if following < ipa + TABLE_BYTES:
            return rtt_error(3, 0, following)
        return rtt_error(2, 0, following // TABLE_BYTES * TABLE_BYTES)

    def names(self) -> list[str | int]:
        """The commands asked for, without delegation."""
        return [name for name, *_ in self.asked if not str(name).endswith("DELEGATE")]


@pytest.fixture
def host() -> FakeRealm:
    return FakeRealm()


@pytest.fixture
def world(host: FakeRealm) -> NormalWorld:
    return new_world(host)


@pytest.fixture
def realm(world: NormalWorld) -> Realm:
    return Realm.create(world, CONFIG)


def params_at(host: FakeHost, struct: str, pointer: str | int) -> dict[str, Value]:
    assert isinstance(pointer, int)
    return codec(struct).unpack(host.memory[pointer])


def test_create_hands_over_the_parameters(host: FakeRealm, realm: Realm) -> None:
    [(rd, params)] = host.asked_of("RMI_REALM_CREATE")
    shown = params_at(host, "RmiRealmParams", params)
    assert rd == realm.rd
    assert shown["rtt_base"] == realm.root
    assert (shown["s2sz"], shown["vmid"], shown["rtt_num_start"]) == (32, realm.vmid, 4)
    assert realm.root % (4 * PAGE) == 0
    assert host.delegated == {realm.rd, *range(realm.root, realm.root + 4 * PAGE, PAGE)}
    assert (realm.unprotected_base, realm.tables.start_level) == (1 << 31, 2)


@pytest.mark.parametrize(
    ("config", "error", "text"),
    [
        (CONFIG, CommandFailed, r"wanted a realm with RealmConfig\(ipa_width=32.*ERROR_INPUT"),
        (RealmConfig(rpv=bytes(65)), AbiError, "rpv is"),
    ],
)
def test_create_that_fails_gives_everything_back(
    host: FakeRealm, world: NormalWorld, config: RealmConfig, error: type[Exception], text: str
) -> None:
    host.answers["RMI_REALM_CREATE"] = [INPUT]
    with pytest.raises(error, match=text):
        Realm.create(world, config)
    assert not host.delegated
    assert world.new_vmid() == 1


def test_create_gives_back_the_rd_if_the_tables_cannot_be_delegated(host: FakeRealm) -> None:
    world = new_world(host)
    root = Pa(0x8000_4000)
    host.delegated.add(root + PAGE)
    with pytest.raises(CommandFailed, match="RMI_GRANULE_DELEGATE"):
        Realm.create(world, CONFIG)
    assert host.delegated == {root + PAGE}
    assert world.new_vmid() == 1


def test_vmids_of_living_realms_differ(world: NormalWorld) -> None:
    first, second = Realm.create(world, CONFIG), Realm.create(world, CONFIG)
    assert first.vmid != second.vmid
    first.destroy()
    assert Realm.create(world, CONFIG).vmid == first.vmid


def test_data_is_copied_from_a_page_and_measured(host: FakeRealm, realm: Realm) -> None:
    before = Measurements(CONFIG.hash_algo, realm_params(realm))
    assert realm.measurements.rim == before.rim
    data = realm.map_data(0x3000, b"text")
    [(_, granule, ipa, source, flags)] = host.asked_of("RMI_DATA_CREATE")
    assert (granule, ipa, flags) == (data, 0x3000, 1)
    assert isinstance(source, int)
    assert host.memory[source] == b"text".ljust(PAGE, b"\0")
    before.data_create(0x3000, b"text".ljust(PAGE, b"\0"), 1)
    assert realm.measurements.rim == before.rim


def realm_params(realm: Realm) -> bytes:
    return realm.config.params(features=0, vmid=realm.vmid, rtt_base=realm.root)


def test_steps_of_building_are_measured(realm: Realm) -> None:
    wanted = Measurements(CONFIG.hash_algo, realm_params(realm))
    realm.init_ripas(0, 2 * PAGE)
    realm.map_data(0, b"", measure=False)
    realm.map_unknown(PAGE)
    rec = realm.add_rec(pc=0x1000, gprs=(1, 2))
    wanted.init_ripas(0, 2 * PAGE, PAGE)
    wanted.data_create(0, bytes(PAGE), 0)
    wanted.rec_create(rec.params)
    assert realm.measurements.rim == wanted.rim


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("RMI_DATA_CREATE", lambda realm: realm.map_data(0, b"")),
        ("RMI_DATA_CREATE_UNKNOWN", lambda realm: realm.map_unknown(0)),
        ("RMI_DATA_CREATE_UNKNOWN", lambda realm: realm.map_block(0)),
        ("RMI_REC_CREATE", lambda realm: realm.add_rec()),
    ],
)
def test_step_that_fails_gives_its_granules_back(
    host: FakeRealm, realm: Realm, command: str, step: Callable[[Realm], object]
) -> None:
    rim, before = realm.measurements.rim, set(host.delegated)
    host.answers[command] = [INPUT]
    with pytest.raises(CommandFailed, match=f"{command}.*RMI_ERROR_INPUT"):
        step(realm)
    assert host.delegated == before
    assert realm.measurements.rim == rim
    assert realm.recs == []


def test_block_is_contiguous_and_folded(host: FakeRealm, realm: Realm) -> None:
    table = realm.world.delegated()
    host.answers["RMI_RTT_FOLD"] = [(0, table)]
    base = realm.map_block(TABLE_BYTES)
    assert base % TABLE_BYTES == 0
    assert host.mapped == {TABLE_BYTES + n * PAGE: base + n * PAGE for n in range(512)}
    assert host.asked_of("RMI_RTT_FOLD") == [(realm.rd, TABLE_BYTES, 3)]
    assert table not in host.delegated


def test_data_that_is_unmapped_is_given_back(host: FakeRealm, realm: Realm) -> None:
    data = realm.map_unknown(0x5000)
    assert realm.unmap_data(0x5000) == data
    assert data not in host.delegated


def test_recs_are_numbered_and_have_their_auxiliary_granules(host: FakeRealm, realm: Realm) -> None:
    recs = [realm.add_rec(pc=0x1_0000, gprs=(9,), runnable=n == 0) for n in range(17)]
    assert [rec.mpidr for rec in recs] == [*range(16), 0x100]
    shown = params_at(host, "RmiRecParams", host.asked_of("RMI_REC_CREATE")[16][2])
    aux = shown["aux"]
    assert isinstance(aux, tuple)
    assert (shown["flags"], shown["mpidr"], shown["num_aux"]) == (0, 0x100, 2)
    assert aux[:2] == recs[16].aux
    assert {recs[16].pa, *recs[16].aux} <= host.delegated
    assert len(host.asked_of("RMI_REC_AUX_COUNT")) == 1


def test_destroy_goes_in_the_order_of_the_abi_and_only_once(
    host: FakeRealm, world: NormalWorld, realm: Realm
) -> None:
    realm.map_unknown(0x5000)
    realm.add_rec()
    realm.activate()
    host.asked.clear()
    realm.destroy()
    realm.destroy()
    assert list(dict.fromkeys(host.names())) == [
        "RMI_REC_DESTROY",
        "RMI_RTT_DESTROY",
        "RMI_DATA_DESTROY",
        "RMI_REALM_DESTROY",
    ]
    assert not host.delegated
    assert world.ledger.leaks() == []
    assert realm.destroyed


def test_enter_area_is_written_and_the_exit_read(host: FakeRealm, realm: Realm) -> None:
    rec = realm.add_rec()
    area = codec("RmiRecExit").encode(exit_reason=1, gicv3_hcr=3)
    host.answers["RMI_REC_ENTER"] = host.exits(area)
    seen = rec.enter(flags=EnterFlags.TRAP_WFI, gprs=(7, 8), gicv3_hcr=2, gicv3_lrs=(5,), pe=1)
    assert isinstance(seen, IrqExit)
    assert seen.number("gicv3_hcr") == 3
    assert host.log[-2].pe == 1
    shown = codec("RmiRecEnter").unpack(host.memory[rec.run])
    assert shown == {
        "flags": 4,
        "gprs": (7, 8, *[0] * 29),
        "gicv3_hcr": 2,
        "gicv3_lrs": (5, *[0] * 15),
    }


def test_rec_that_cannot_be_entered(host: FakeRealm, realm: Realm) -> None:
    rec = realm.add_rec()
    host.answers["RMI_REC_ENTER"] = [(2,), (2,)]
    assert rec.try_enter().status == "RMI_ERROR_REALM"
    with pytest.raises(CommandFailed, match=r"RMI_REC_ENTER.*RMI_ERROR_REALM"):
        rec.enter()


def test_rec_is_started_without_waiting(host: FakeRealm, realm: Realm) -> None:
    rec = realm.add_rec()
    pending = rec.start(pe=3, gprs=(1,))
    assert pending.wait(1)[0] == 0
    assert host.asked[-1] == ("RMI_REC_ENTER", rec.pa, rec.run)
    assert host.log[-1].pe == 3
    assert codec("RmiRecEnter").unpack(host.memory[rec.run])["gprs"] == (1, *[0] * 30)


def report(imm: int = 0xCCA) -> bytes:
    return codec("RmiRecExit").encode(exit_reason=5, imm=imm)


def test_built_realm_holds_the_payload(host: FakeRealm, world: NormalWorld) -> None:
    config = RealmConfig(ipa_width=32, num_bps=5, num_wps=3, recs=2)
    built = build_realm(world, IMAGE, config)
    assert sorted(host.mapped) == [0x1_0000, 0x1_1000, 0x1_2000]
    assert [call[2] for call in host.asked_of("RMI_DATA_CREATE")] == [0x1_0000, 0x1_1000]
    assert host.asked_of("RMI_RTT_INIT_RIPAS") == [(built.realm.rd, 0x1_0000, 0x1_3000)]
    made = [params_at(host, "RmiRecParams", c[2]) for c in host.asked_of("RMI_REC_CREATE")]
    assert [(m["flags"], m["pc"]) for m in made] == [(1, 0x1_0000), (0, 0x1_0000)]
    assert [m["gprs"] for m in made] == [(32, 0, *[0] * 6), (32, 1, *[0] * 6)]
    assert "RMI_REALM_ACTIVATE" not in host.names()
    assert [guest.rec for guest in built.guests] == built.realm.recs
    assert (built.guest, built.rec) == (built.guests[0], built.realm.recs[0])


def test_started_realm_has_booted(host: FakeRealm, world: NormalWorld) -> None:
    host.answers["RMI_REC_ENTER"] = host.exits(report())
    start_realm(world, IMAGE, CONFIG)
    assert host.names()[-2:] == ["RMI_REALM_ACTIVATE", "RMI_REC_ENTER"]


@pytest.mark.parametrize("command", ["RMI_DATA_CREATE", "RMI_REC_CREATE", "RMI_REALM_ACTIVATE"])
def test_realm_that_cannot_be_started_gives_everything_back(
    host: FakeRealm, world: NormalWorld, command: str
) -> None:
    host.answers[command] = [INPUT]
    with pytest.raises(CommandFailed, match=command):
        start_realm(world, IMAGE, CONFIG)
    assert not host.delegated


def test_realm_whose_payload_does_not_report_is_destroyed(
    host: FakeRealm, world: NormalWorld
) -> None:
    host.answers["RMI_REC_ENTER"] = host.exits(report(imm=1))
    with pytest.raises(
        RealmError, match=r"wanted the payload's report, seen HostCallExit\(.*imm=0x1"
    ):
        start_realm(world, IMAGE, CONFIG)
    assert not host.delegated


def test_exit_is_typed(host: FakeRealm, realm: Realm) -> None:
    rec = realm.add_rec()
    host.answers["RMI_REC_ENTER"] = host.exits(report())
    assert isinstance(rec.enter(), HostCallExit)
    assert isinstance(rec.last_exit(), HostCallExit)


def test_page_is_shared_at_an_unprotected_address(host: FakeRealm, realm: Realm) -> None:
    page = realm.share_page(realm.unprotected_base)
    [(_, ipa, level, desc)] = host.asked_of("RMI_RTT_MAP_UNPROTECTED")
    assert (ipa, level) == (1 << 31, 3)
    assert desc == unprotected_desc(page)


def test_rec_is_waited_for_until_it_runs(host: FakeRealm, realm: Realm) -> None:
    rec = realm.add_rec()
    host.answers["RMI_RTT_SET_RIPAS"] = [INPUT, INPUT, (3,)]
    realm.wait_running(rec)
    assert len(host.asked_of("RMI_RTT_SET_RIPAS")) == 3


def test_rec_that_does_not_start(host: FakeRealm, realm: Realm) -> None:
    rec = realm.add_rec()
    host.answers["RMI_RTT_SET_RIPAS"] = lambda *_: INPUT
    with pytest.raises(RealmError, match=f"REC {rec.pa} did not start to run in 0 s"):
        realm.wait_running(rec, timeout_s=0)


@pytest.mark.parametrize(
    ("wanted", "commands"),
    [
        ("NEW", []),
        ("ACTIVE", ["RMI_REALM_ACTIVATE"]),
        (
            "SYSTEM_OFF",
            ["RMI_DATA_CREATE", "RMI_REC_CREATE", "RMI_REALM_ACTIVATE", "RMI_REC_ENTER"],
        ),
    ],
)
def test_realm_is_brought_into_a_state(
    host: FakeRealm, realm: Realm, wanted: str, commands: list[str]
) -> None:
    host.asked.clear()
    host.answers["RMI_REC_ENTER"] = host.exits(codec("RmiRecExit").encode(exit_reason=3))
    advance(realm, wanted)
    queries = ("RMI_RTT_READ_ENTRY", "RMI_REC_AUX_COUNT")
    assert [name for name in host.names() if name not in queries] == commands


def test_realm_that_does_not_switch_off(host: FakeRealm, realm: Realm) -> None:
    host.answers["RMI_REC_ENTER"] = host.exits(report())
    with pytest.raises(RealmError, match="wanted the exit of PSCI_SYSTEM_OFF, seen HostCallExit"):
        advance(realm, "SYSTEM_OFF")
