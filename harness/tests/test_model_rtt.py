# SPDX-License-Identifier: BSD-3-Clause
"""Translation tables of the model: shapes, walks, top, fold and unfold, RIPAS ranges."""

from __future__ import annotations

import pytest

from harness.model import Call, Hipas, Ripas, Verdict, check, step
from harness.model.rtt import UNASSIGNED, Entry, Table, entry_bytes, root_shape_is_valid
from harness.model.scenarios import Scene
from harness.model.scenarios.good import ATTRIBUTES
from harness.tests.model_kits import kit
from harness.types import GRANULE_BYTES

PAGE = GRANULE_BYTES
BLOCK = entry_bytes(2)
GIB = entry_bytes(1)
HEAP = kit().heap


@pytest.fixture
def scene() -> Scene:
    return Scene(kit())


def ask(scene: Scene, name: str, *args: int) -> Verdict:
    """Issue a call, whatever it answers."""
    made: Call = scene.call(name, *args)
    verdict, scene.state = step(scene.state, made)
    assert check(scene.state) == []
    return verdict


def read(scene: Scene, rd: int, ipa: int, level: int = 3) -> tuple[int | None, ...]:
    return ask(scene, "RMI_RTT_READ_ENTRY", rd, ipa, level).strict.x[1:]


@pytest.mark.parametrize(
    ("shape", "valid"),
    [
        ((32, 2, 4), True),
        ((34, 2, 16), True),
        ((35, 2, 32), False),
        ((40, 1, 2), True),
        ((39, 1, 1), True),
        ((40, 0, 1), True),
        ((39, 0, 1), False),
        ((40, 1, 1), False),
        ((48, 0, 1), True),
        ((52, 0, 16), True),
        ((52, -1, 1), True),
    ],
)
def test_shape_of_the_root(shape: tuple[int, int, int], valid: bool) -> None:
    assert root_shape_is_valid(*shape) is valid


def test_new_realm_is_empty_below_the_border_and_unassigned_above(scene: Scene) -> None:
    rd = scene.realm()
    realm = scene.of(rd)
    assert read(scene, rd, realm.protected_top - PAGE) == (1, 0, 0, Ripas.EMPTY)
    assert realm.walk(realm.protected_top - 1, 3).entry == UNASSIGNED[Ripas.EMPTY]
    assert realm.walk(realm.protected_top, 3).entry.hipas is Hipas.UNASSIGNED_NS


@pytest.mark.parametrize("s2sz", [32, 36, 39])
def test_border_within_one_root_table(scene: Scene, s2sz: int) -> None:
    rd = scene.realm(s2sz=s2sz, rtt_num_start=1)
    realm = scene.of(rd)
    assert realm.walk(realm.protected_top - 1, 1).entry.hipas is Hipas.UNASSIGNED
    assert realm.walk(realm.protected_top, 1).entry.hipas is Hipas.UNASSIGNED_NS
    assert check(scene.state) == []


def test_walk_reports_the_level_where_it_stopped(scene: Scene) -> None:
    rd = scene.realm()
    scene.tables(rd, HEAP, 2)
    assert ask(scene, "RMI_DATA_DESTROY", rd, HEAP).strict.x[0] == 4 | 2 << 8
    assert ask(scene, "RMI_DATA_DESTROY", rd, HEAP + GIB).strict.x[0] == 4 | 1 << 8


def test_top_skips_to_the_next_live_entry(scene: Scene) -> None:
    rd = scene.realm()
    scene.data(rd, HEAP + 2 * PAGE)
    verdict = ask(scene, "RMI_DATA_DESTROY", rd, HEAP)
    assert (verdict.condition, verdict.output("top")) == ("rtte_state", HEAP + 2 * PAGE)
    assert verdict.output("data") is None
    assert ask(scene, "RMI_DATA_DESTROY", rd, HEAP + 3 * PAGE).output("top") == HEAP + BLOCK


def test_top_of_a_short_walk_is_the_next_live_entry_of_that_table(scene: Scene) -> None:
    rd = scene.realm()
    scene.tables(rd, HEAP + 3 * GIB, 2)
    assert ask(scene, "RMI_DATA_DESTROY", rd, HEAP).output("top") == HEAP + 3 * GIB
    assert ask(scene, "RMI_RTT_DESTROY", rd, HEAP, 3).output("top") == HEAP + 3 * GIB
    assert ask(scene, "RMI_RTT_DESTROY", rd, HEAP + 3 * GIB, 3).output("top") == HEAP + 4 * GIB


def test_top_of_a_live_entry_is_the_address_itself(scene: Scene) -> None:
    rd = scene.realm()
    scene.data(rd, HEAP)
    live = ask(scene, "RMI_RTT_DESTROY", rd, HEAP, 3)
    assert (live.condition, live.output("top")) == ("rtt_live", HEAP)
    mapped_block(scene, rd, HEAP + GIB)
    block = ask(scene, "RMI_DATA_DESTROY", rd, HEAP + GIB + 5 * PAGE)
    assert (block.condition, block.output("top")) == ("rtt_walk", HEAP + GIB + 5 * PAGE)


def test_top_is_zero_for_a_bad_argument(scene: Scene) -> None:
    rd = scene.realm()
    assert ask(scene, "RMI_RTT_DESTROY", rd, HEAP, 9).output("top") == 0
    assert ask(scene, "RMI_DATA_DESTROY", rd, 1 << 39).output("top") == 0
    assert ask(scene, "RMI_RTT_UNMAP_UNPROTECTED", rd, 0, 3).output("top") is None


def mapped_block(scene: Scene, rd: int, ipa: int) -> int:
    """Map 512 pages of adjacent granules and fold them; returns the PA of the block."""
    scene.tables(rd, ipa)
    base = scene.delegated(512)
    for offset in range(0, BLOCK, PAGE):
        scene.do("RMI_DATA_CREATE_UNKNOWN", rd, base + offset, ipa + offset)
    scene.do("RMI_RTT_FOLD", rd, ipa, 3)
    return base


def test_fold_and_unfold_of_data(scene: Scene) -> None:
    rd = scene.realm()
    base = mapped_block(scene, rd, HEAP)
    assert read(scene, rd, HEAP) == (2, 1, base, Ripas.EMPTY)
    assert check(scene.state) == []
    scene.do("RMI_RTT_CREATE", rd, scene.delegated(), HEAP, 3)
    assert read(scene, rd, HEAP + 7 * PAGE) == (3, 1, base + 7 * PAGE, Ripas.EMPTY)
    scene.do("RMI_DATA_DESTROY", rd, HEAP + 7 * PAGE)
    assert ask(scene, "RMI_RTT_FOLD", rd, HEAP, 3).condition == "rtt_homo"
    assert ask(scene, "RMI_RTT_DESTROY", rd, HEAP, 3).condition == "rtt_live"
    verdict = ask(scene, "RMI_DATA_DESTROY", rd, HEAP + 6 * PAGE)
    assert verdict.output("top") == HEAP + 8 * PAGE


def test_contiguous_pages_must_be_aligned_to_fold(scene: Scene) -> None:
    rd = scene.realm()
    scene.tables(rd, HEAP)
    base = scene.delegated(1024) + PAGE
    for offset in range(0, BLOCK, PAGE):
        scene.do("RMI_DATA_CREATE_UNKNOWN", rd, base + offset, HEAP + offset)
    assert ask(scene, "RMI_RTT_FOLD", rd, HEAP, 3).condition == "rtt_homo"


@pytest.mark.parametrize("ripas", list(Ripas), ids=lambda ripas: ripas.name)
def test_fold_of_unassigned_memory_keeps_ripas(scene: Scene, ripas: Ripas) -> None:
    rd = scene.realm()
    scene.tables(rd, HEAP)
    if ripas is Ripas.RAM:
        scene.ram(rd, HEAP, HEAP + BLOCK)
    if ripas is Ripas.DESTROYED:
        scene.do("RMI_RTT_DESTROY", rd, HEAP, 3)
        scene.tables(rd, HEAP)
    table = scene.of(rd).walk(HEAP, 3).table_pa
    assert ask(scene, "RMI_RTT_FOLD", rd, HEAP, 3).output("rtt") == table
    assert read(scene, rd, HEAP) == (2, 0, 0, ripas)


def test_fold_of_ns_memory_needs_contiguous_addresses(scene: Scene) -> None:
    rd = scene.realm()
    border = scene.of(rd).protected_top
    scene.tables(rd, border)
    for offset in range(0, BLOCK, PAGE):
        desc = 4 * BLOCK + offset | ATTRIBUTES
        scene.do("RMI_RTT_MAP_UNPROTECTED", rd, border + offset, 3, desc)
    scene.do("RMI_RTT_FOLD", rd, border, 3)
    assert read(scene, rd, border, 2) == (2, 1, 4 * BLOCK | ATTRIBUTES, 0)
    assert ask(scene, "RMI_RTT_UNMAP_UNPROTECTED", rd, border, 3).output("top") == border
    verdict = ask(scene, "RMI_RTT_UNMAP_UNPROTECTED", rd, border, 2)
    assert (verdict.ok, verdict.output("top")) == (True, border + GIB)


def test_table_of_ns_mappings_can_be_destroyed(scene: Scene) -> None:
    rd = scene.realm()
    border = scene.of(rd).protected_top
    scene.tables(rd, border)
    scene.do("RMI_RTT_MAP_UNPROTECTED", rd, border, 3, ATTRIBUTES)
    assert ask(scene, "RMI_RTT_DESTROY", rd, border, 3).ok
    assert scene.of(rd).walk(border, 3).entry.hipas is Hipas.UNASSIGNED_NS


def test_ns_entries_of_the_root_do_not_keep_a_realm_alive(scene: Scene) -> None:
    rd = scene.realm()
    border = scene.of(rd).protected_top
    scene.do("RMI_RTT_MAP_UNPROTECTED", rd, border, 1, ATTRIBUTES)
    assert ask(scene, "RMI_REALM_DESTROY", rd).ok
    assert scene.state.realms == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Ripas.EMPTY, Ripas.EMPTY),
        (Ripas.RAM, Ripas.DESTROYED),
        (Ripas.DESTROYED, Ripas.DESTROYED),
    ],
    ids=lambda ripas: ripas.name,
)
def test_ripas_after_data_destroy(scene: Scene, before: Ripas, after: Ripas) -> None:
    rd = scene.realm()
    if before is not Ripas.EMPTY:
        scene.ram(rd, HEAP, HEAP + PAGE)
    if before is Ripas.DESTROYED:
        scene.data(rd, HEAP)
        scene.do("RMI_DATA_DESTROY", rd, HEAP)
    pa = scene.data(rd, HEAP)
    assert read(scene, rd, HEAP)[3] == before
    assert read(scene, rd, HEAP)[2] == (0 if before is Ripas.DESTROYED else pa)
    assert ask(scene, "RMI_DATA_DESTROY", rd, HEAP).output("data") == pa
    assert read(scene, rd, HEAP) == (3, 0, 0, after)


def test_data_create_makes_ram(scene: Scene) -> None:
    rd = scene.realm()
    scene.load(rd, HEAP, b"abc")
    assert read(scene, rd, HEAP)[3] == Ripas.RAM


def test_init_ripas_stops_at_the_end_of_the_table(scene: Scene) -> None:
    rd = scene.realm()
    scene.tables(rd, HEAP)
    base = HEAP + BLOCK - PAGE
    out_top = ask(scene, "RMI_RTT_INIT_RIPAS", rd, base, HEAP + GIB).output("out_top")
    assert out_top == HEAP + BLOCK


def test_init_ripas_stops_at_what_it_cannot_change(scene: Scene) -> None:
    rd = scene.realm()
    scene.data(rd, HEAP + 2 * PAGE)
    verdict = ask(scene, "RMI_RTT_INIT_RIPAS", rd, HEAP, HEAP + BLOCK)
    assert verdict.output("out_top") == HEAP + 2 * PAGE


def test_init_ripas_takes_whole_entries_only(scene: Scene) -> None:
    rd = scene.realm()
    scene.tables(rd, HEAP, 2)
    top = HEAP + BLOCK + PAGE
    assert ask(scene, "RMI_RTT_INIT_RIPAS", rd, HEAP, top).output("out_top") == HEAP + BLOCK
    assert read(scene, rd, HEAP, 2) == (2, 0, 0, Ripas.RAM)


def test_entries_are_only_stored_where_they_differ() -> None:
    table = Table(3, 0, UNASSIGNED[Ripas.EMPTY])
    changed = table.with_entries({5: UNASSIGNED[Ripas.RAM]})
    assert changed.with_entries({5: UNASSIGNED[Ripas.EMPTY]}) == table
    assert changed.folded() is None


def test_table_of_a_block_lives_while_one_page_is_left() -> None:
    table = Table(3, 0, Entry(Hipas.ASSIGNED, pa=BLOCK))
    assert table.is_live
    assert table.next_live(3) == 3
    gone = table.with_entries(dict.fromkeys(range(512), UNASSIGNED[Ripas.EMPTY]))
    assert not gone.is_live
    assert gone.next_live(0) == 512
    assert not gone.is_all_mapped
    assert table.is_all_mapped
    assert not Table(2, 0, UNASSIGNED[Ripas.RAM]).is_all_mapped


def test_table_of_tables_cannot_be_folded() -> None:
    children = {n: Entry(Hipas.TABLE, pa=n << 12) for n in range(512)}
    assert Table(2, 0, UNASSIGNED[Ripas.RAM], overrides=children).folded() is None


def test_tables_differ_when_one_of_all_entries_does() -> None:
    pages = {n: Entry(Hipas.ASSIGNED, pa=BLOCK + n * PAGE) for n in range(512)}
    table = Table(3, 0, UNASSIGNED[Ripas.RAM], overrides=pages)
    assert table.folded() == Entry(Hipas.ASSIGNED, pa=BLOCK)
    assert table.with_entries({9: Entry(Hipas.ASSIGNED, pa=0)}).folded() is None
