# SPDX-License-Identifier: BSD-3-Clause
"""What successful calls of the model do; measurements against the host library's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.abi import codec
from harness.model import Granule, GranuleState, Platform, RealmState, Ripas, call, step
from harness.model.conditions.enter import list_register_is_valid
from harness.model.scenarios import GOOD, Scene
from harness.realm.measure import Measurements
from harness.rmi import HashAlgo
from harness.tests.model_kits import NARROW, PLAIN, kit
from harness.types import GRANULE_BYTES

PAGE = GRANULE_BYTES
HEAP = kit().heap


@pytest.fixture
def scene() -> Scene:
    return Scene(kit())


def state_of(scene: Scene, pa: int) -> GranuleState:
    return scene.state.granule(pa).state


@pytest.mark.parametrize(("index", "value"), [(0, PLAIN.features), (1, 0), (99, 0)])
def test_features(scene: Scene, index: int, value: int) -> None:
    verdict, _ = step(scene.state, call("RMI_FEATURES", index))
    assert verdict.strict.x == (0, value)


@pytest.mark.parametrize("req", [0x1_0000, 0x2_0000])
def test_version_reports_what_is_there(scene: Scene, req: int) -> None:
    verdict, _ = step(scene.state, call("RMI_VERSION", req))
    assert verdict.strict.x == (req >> 17, 0x1_0000, 0x1_0000)


def test_unknown_function(scene: Scene) -> None:
    made = call("RMI_VERSION", 0)
    for fid in (0xC400_0156, 0xC400_0190, 0):
        verdict, after = step(scene.state, type(made)(fid, (1, 2)))
        assert verdict.accepts((2**64 - 1, 7, 7))
        assert not verdict.accepts((0,))
        assert after is scene.state
        assert "no such function" in verdict.explain()


def test_sve_hint_of_a_function_id_is_ignored(scene: Scene) -> None:
    made = call("RMI_FEATURES", 0)
    assert step(scene.state, type(made)(made.fid | 1 << 16, (0,)))[0].ok


def test_missing_registers_are_zero(scene: Scene) -> None:
    assert step(scene.state, call("RMI_FEATURES"))[0].strict.x == (0, PLAIN.features)


def test_granule_goes_and_comes_back(scene: Scene) -> None:
    pa = scene.delegated()
    assert state_of(scene, pa) is GranuleState.DELEGATED
    scene.do("RMI_GRANULE_UNDELEGATE", pa)
    assert scene.state.granules == {}


def test_realm_takes_and_returns_its_granules(scene: Scene) -> None:
    rd = scene.realm()
    realm = scene.of(rd)
    assert scene.state.granule(rd) == Granule(GranuleState.RD, rd)
    assert {state_of(scene, pa) for pa in realm.root_pas} == {GranuleState.RTT}
    scene.do("RMI_REALM_DESTROY", rd)
    assert {g.state for g in scene.state.granules.values()} == {GranuleState.DELEGATED}
    scene.realm(vmid=realm.vmid)


def test_activation(scene: Scene) -> None:
    rd = scene.realm()
    scene.do("RMI_REALM_ACTIVATE", rd)
    assert scene.of(rd).state is RealmState.ACTIVE


def test_rec_takes_and_returns_its_granules(scene: Scene) -> None:
    rd = scene.realm()
    rec = scene.rec(rd)
    aux = scene.state.recs[rec].aux
    assert len(aux) == PLAIN.aux_granules
    assert {state_of(scene, pa) for pa in aux} == {GranuleState.REC_AUX}
    scene.do("RMI_REC_DESTROY", rec)
    assert {state_of(scene, pa) for pa in (rec, *aux)} == {GranuleState.DELEGATED}
    assert (scene.of(rd).rec_count, scene.of(rd).next_index) == (0, 1)


def test_index_is_not_free_again(scene: Scene) -> None:
    rd = scene.realm()
    scene.do("RMI_REC_DESTROY", scene.rec(rd))
    rec = scene.rec(rd)
    assert (scene.state.recs[rec].index, scene.state.recs[rec].mpidr) == (1, 1)


def test_seventeenth_rec_has_the_next_affinity() -> None:
    wide = Platform(PLAIN.layout, PLAIN.features, rec_limit=20)
    scene = Scene(kit(wide))
    rd = scene.realm()
    recs = [scene.rec(rd) for _ in range(17)]
    assert scene.state.recs[recs[16]].mpidr == 0x100


def test_aux_count(scene: Scene) -> None:
    made = GOOD["RMI_REC_AUX_COUNT"](scene)
    verdict, _ = step(scene.state, made)
    assert verdict.output("aux_count") == PLAIN.aux_granules


@pytest.mark.parametrize("algorithm", list(HashAlgo), ids=lambda algorithm: algorithm.name)
def test_measurement_agrees_with_the_host_library(scene: Scene, algorithm: HashAlgo) -> None:
    rd = scene.realm(hash_algo=int(algorithm), rpv=b"rpv", num_bps=1)
    measured = Measurements(algorithm, scene.pages[max(scene.pages)])
    assert scene.of(rd).rim == measured.rim
    scene.tables(rd, HEAP)
    for flags in (0, 1):
        ipa = HEAP + flags * PAGE
        content = bytes(range(256)) * 16
        page = scene.page(content)
        scene.do("RMI_DATA_CREATE", rd, scene.delegated(), ipa, page, flags)
        measured.data_create(ipa, content, flags)
    scene.ram(rd, HEAP + 2 * PAGE, HEAP + 4 * PAGE)
    scene.ram(rd, HEAP + 3 * PAGE, HEAP + 5 * PAGE)
    measured.init_ripas(HEAP + 2 * PAGE, HEAP + 4 * PAGE, PAGE)
    measured.init_ripas(HEAP + 3 * PAGE, HEAP + 5 * PAGE, PAGE)
    for flags in (0, 1):
        scene.rec(rd, flags=flags, pc=0x1234, gprs=(1, 2, 3))
        measured.rec_create(scene.pages[max(scene.pages)])
    assert scene.of(rd).rim == measured.rim
    assert scene.of(rd).rems == tuple(measured.rems)


def test_data_create_does_not_measure_unless_asked(scene: Scene) -> None:
    rims = []
    for content in (b"a", b"b"):
        rd = scene.realm()
        scene.load(rd, HEAP, content)
        rims.append(scene.of(rd).rim)
    assert rims[0] == rims[1]


def test_failed_call_returns_the_same_state(scene: Scene) -> None:
    rd = scene.realm()
    verdict, after = step(scene.state, call("RMI_GRANULE_DELEGATE", rd))
    assert not verdict.ok
    assert after is scene.state


def test_set_ripas_moves_the_window(scene: Scene) -> None:
    made = GOOD["RMI_RTT_SET_RIPAS"](scene)
    rd, rec, base, top = made.args
    scene.do("RMI_RTT_SET_RIPAS", rd, rec, base, base + PAGE)
    window = scene.state.recs[rec].ripas
    assert window is not None
    assert (window.addr, window.top) == (base + PAGE, top)
    scene.do("RMI_RTT_SET_RIPAS", rd, rec, base + PAGE, top)
    verdict, _ = step(scene.state, scene.call("RMI_RTT_SET_RIPAS", rd, rec, top, top + PAGE))
    assert verdict.condition == "top_bound"


@pytest.mark.parametrize("flag", [0, 1], ids=["keep", "change"])
@pytest.mark.parametrize("wanted", [Ripas.EMPTY, Ripas.RAM], ids=lambda ripas: ripas.name)
def test_set_ripas_at_destroyed_memory(scene: Scene, flag: int, wanted: Ripas) -> None:
    rd, (rec,) = scene.guest()
    scene.tables(rd, HEAP)
    scene.do("RMI_RTT_DESTROY", rd, HEAP, 3)
    scene.tables(rd, HEAP)
    scene.run(rec, scene.smc("RSI_IPA_STATE_SET", HEAP, HEAP + 2 * PAGE, wanted, flag))
    verdict, after = step(
        scene.state, scene.call("RMI_RTT_SET_RIPAS", rd, rec, HEAP, HEAP + 2 * PAGE)
    )
    assert verdict.output("out_top") == (HEAP + 2 * PAGE if flag else HEAP)
    entry = after.realms[rd].walk(HEAP, 3).entry
    assert entry.ripas is (wanted if flag else Ripas.DESTROYED)


def test_set_ripas_stops_at_a_table(scene: Scene) -> None:
    rd, (rec,) = scene.guest()
    block = 512 * PAGE
    scene.tables(rd, HEAP + block)
    scene.run(rec, scene.smc("RSI_IPA_STATE_SET", HEAP, HEAP + 3 * block, Ripas.RAM, 0))
    verdict, _ = step(scene.state, scene.call("RMI_RTT_SET_RIPAS", rd, rec, HEAP, HEAP + 3 * block))
    assert verdict.output("out_top") == HEAP + block


def test_data_keeps_its_page_through_ripas_changes(scene: Scene) -> None:
    rd, (rec,) = scene.guest(activate=False)
    scene.ram(rd, HEAP, HEAP + PAGE)
    pa = scene.data(rd, HEAP)
    scene.do("RMI_REALM_ACTIVATE", rd)
    for wanted in (Ripas.EMPTY, Ripas.RAM):
        scene.run(rec, scene.smc("RSI_IPA_STATE_SET", HEAP, HEAP + PAGE, wanted, 0))
        scene.do("RMI_RTT_SET_RIPAS", rd, rec, HEAP, HEAP + PAGE)
        entry = scene.of(rd).walk(HEAP, 3).entry
        assert (entry.pa, entry.ripas) == (pa, wanted)


class TestFeatures:
    """Parameters that some platforms offer and some do not."""

    def supported(self, features: int, **changes: int) -> str | None:
        platform = Platform(PLAIN.layout, PLAIN.features | features)
        scene = Scene(kit(platform))
        rd = scene.delegated()
        fields = scene.realm_params(**changes)
        page = scene.page(codec("RmiRealmParams").encode(**fields))
        return step(scene.state, scene.call("RMI_REALM_CREATE", rd, page))[0].condition

    @pytest.mark.parametrize(
        ("features", "flags", "field", "value", "condition"),
        [
            (1 << 9 | 2 << 10, 2, "sve_vl", 2, None),
            (1 << 9 | 2 << 10, 2, "sve_vl", 3, "params_supp"),
            (0, 0, "sve_vl", 3, None),
            (1 << 26 | 6 << 27, 4, "pmu_num_ctrs", 6, None),
            (1 << 26 | 6 << 27, 4, "pmu_num_ctrs", 7, "params_supp"),
            (1 << 26 | 6 << 27, 4, "pmu_num_ctrs", 0, "params_supp"),
            (0, 0, "pmu_num_ctrs", 9, None),
            (1 << 8, 1, "s2sz", 40, None),
        ],
    )
    def test_optional_features(
        self, features: int, flags: int, field: str, value: int, condition: str | None
    ) -> None:
        assert self.supported(features, flags=flags, **{field: value}) == condition

    def test_vmid_width(self) -> None:
        scene = Scene(kit(NARROW))
        assert scene.of(scene.realm(vmid=0xFF)).vmid == 0xFF


@pytest.mark.parametrize(
    ("word", "extended", "valid"),
    [
        (27, False, True),
        (27 | 0xF8 << 48 | 1 << 60, False, True),
        (27 | 0x04 << 48, False, False),
        (27 | 1 << 41, False, True),
        (27 | 1 << 40, False, False),
        (27 | 1 << 59, False, False),
        (8192, False, True),
        (1056, False, False),
        (1056, True, True),
        (5119, True, True),
        (5120, True, False),
        (1023, True, False),
    ],
)
def test_list_registers(word: int, extended: bool, valid: bool) -> None:
    """gicv3_list_register of the tables."""
    platform = replace(PLAIN, lr_extended_intids=extended)
    assert list_register_is_valid(1 << 62 | word, platform) is valid


def test_list_registers_that_are_not_used_are_ignored(scene: Scene) -> None:
    valid = scene.run_page(gicv3_lrs=(1 << 61, 0, 0, 0, 1 << 62 | 1 << 61))
    _, (rec,) = scene.guest()
    assert step(scene.state, scene.call("RMI_REC_ENTER", rec, valid))[0].ok


def test_page_that_nobody_gave_cannot_be_read(scene: Scene) -> None:
    made = call("RMI_REALM_CREATE", scene.delegated(), 0xB000_0000)
    assert step(scene.state, made)[0].condition == "params_pas"


def test_lpa2_realm_has_its_own_descriptor_layout() -> None:
    scene = Scene(kit(Platform(PLAIN.layout, PLAIN.features | 1 << 8, pa_bits=52)))
    rd = scene.realm(flags=1)
    border = scene.of(rd).protected_top
    scene.tables(rd, border)
    desc = 1 << 49 | 0b11 << 8 | 0b11 << 6
    scene.do("RMI_RTT_MAP_UNPROTECTED", rd, border, 3, desc)
    assert scene.of(rd).walk(border, 3).entry.pa == 0b11 << 50 | 1 << 49
    verdict, _ = step(scene.state, scene.call("RMI_RTT_READ_ENTRY", rd, border, 3))
    assert verdict.output("desc") == desc


@pytest.mark.parametrize("ripas", [Ripas.EMPTY, Ripas.DESTROYED])
def test_some_rmms_show_the_pa_of_destroyed_data(scene: Scene, ripas: Ripas) -> None:
    rd = scene.realm()
    if ripas is Ripas.DESTROYED:
        scene.ram(rd, HEAP, HEAP + PAGE)
        scene.data(rd, HEAP)
        scene.do("RMI_DATA_DESTROY", rd, HEAP)
    data = scene.data(rd, HEAP)
    verdict, _ = step(scene.state, scene.call("RMI_RTT_READ_ENTRY", rd, HEAP, 3))
    shown = [answer.x for answer in verdict.acceptable]
    pas = (0, data) if ripas is Ripas.DESTROYED else (data,)
    assert shown == [(0, 3, 1, pa, ripas) for pa in pas]
