# SPDX-License-Identifier: BSD-3-Clause
"""Cases about tables, NS mappings and RIPAS."""

from __future__ import annotations

from collections.abc import Iterator

from harness.model.calls import Call
from harness.model.rtt import ENTRIES, entry_bytes
from harness.model.scenarios.families import arg, constant, plus, spoilt
from harness.model.scenarios.good import ATTRIBUTES, GOOD, map_unprotected, ripas_asked
from harness.model.scenarios.kit import Unavailable
from harness.model.scenarios.recipe import Build, Case
from harness.model.scenarios.scene import Scene
from harness.model.state import GranuleState
from harness.types import GRANULE_BYTES

_BLOCK = entry_bytes(2)
_RESERVED_MEM_ATTR = 0b100 << 2
_FIRST_LEVEL_0 = 48


def _at_heap(command: str, level: int, wanted: int) -> Build:
    """Tables down to ``level`` at the heap; the command asks for ``wanted``."""

    def build(scene: Scene) -> Call:
        rd, heap = scene.realm(), scene.kit.heap
        scene.tables(rd, heap, level)
        rtt = (scene.delegated(),) if command == "RMI_RTT_CREATE" else ()
        return scene.call(command, rd, *rtt, heap, wanted)

    return build


def _at_ns_block(command: str) -> Build:
    """The command asks for a table where a block of NS memory is mapped."""

    def build(scene: Scene) -> Call:
        rd = scene.realm()
        ipa = scene.of(rd).protected_top
        scene.tables(rd, ipa, 2)
        scene.do("RMI_RTT_MAP_UNPROTECTED", rd, ipa, 2, _BLOCK | ATTRIBUTES)
        return scene.call(command, rd, ipa, 3)

    return build


def _with_data(command: str) -> Build:
    def build(scene: Scene) -> Call:
        made = GOOD[command](scene)
        scene.data(arg(made, "rd"), arg(made, "ipa"))
        return made

    return build


def _block_at_level_0(scene: Scene) -> Call:
    """512 GiB of NS memory, mapped by 1 GiB blocks, that would be one level 0 block."""
    if scene.kit.platform.feature("S2SZ") < _FIRST_LEVEL_0:
        raise Unavailable(f"no realm here has an IPA width of {_FIRST_LEVEL_0} bits")
    rd = scene.realm(s2sz=_FIRST_LEVEL_0, rtt_level_start=0, rtt_num_start=1)
    base = scene.of(rd).protected_top
    scene.tables(rd, base, 1)
    size_bytes = entry_bytes(1)
    for offset in range(0, ENTRIES * size_bytes, size_bytes):
        scene.do("RMI_RTT_MAP_UNPROTECTED", rd, base + offset, 1, offset | ATTRIBUTES)
    return scene.call("RMI_RTT_FOLD", rd, base, 1)


def _table_cases() -> Iterator[Case]:
    yield Case("RMI_RTT_CREATE", "rtte_state", _at_heap("RMI_RTT_CREATE", 3, 3))
    for command in ("RMI_RTT_DESTROY", "RMI_RTT_FOLD"):
        yield Case(command, "rtte_state", _at_heap(command, 2, 3), "unassigned")
        yield Case(command, "rtte_state", _at_ns_block(command), "block")
    yield Case("RMI_RTT_DESTROY", "rtt_live", _with_data("RMI_RTT_DESTROY"), "data")
    yield Case("RMI_RTT_DESTROY", "rtt_live", _at_heap("RMI_RTT_DESTROY", 3, 2), "table")
    yield Case("RMI_RTT_FOLD", "rtt_homo", _with_data("RMI_RTT_FOLD"), "data")
    yield Case("RMI_RTT_FOLD", "rtt_homo", _at_heap("RMI_RTT_FOLD", 3, 2), "table")
    yield Case("RMI_RTT_FOLD", "block_level", _block_at_level_0)


def _beyond_pa(scene: Scene) -> Call:
    bits = scene.kit.platform.pa_bits
    if bits >= _FIRST_LEVEL_0:
        raise Unavailable("every address that a descriptor can hold is in the PA range")
    rd, ipa, level, desc = map_unprotected(scene).args
    return scene.call("RMI_RTT_MAP_UNPROTECTED", rd, ipa, level, desc | 1 << bits)


def _block_unaligned(scene: Scene) -> Call:
    rd = scene.realm()
    ipa = scene.of(rd).protected_top
    scene.tables(rd, ipa, 2)
    desc = _BLOCK + GRANULE_BYTES | ATTRIBUTES
    return scene.call("RMI_RTT_MAP_UNPROTECTED", rd, ipa, 2, desc)


def _mapped_twice(scene: Scene) -> Call:
    made = map_unprotected(scene)
    scene.do("RMI_RTT_MAP_UNPROTECTED", *made.args)
    return made


def _unprotected_cases() -> Iterator[Case]:
    name = "RMI_RTT_MAP_UNPROTECTED"
    yield Case(name, "attr_valid", spoilt(name, desc=plus("desc", 1)), "reserved-bit")
    reserved = spoilt(name, desc=constant(_RESERVED_MEM_ATTR))
    yield Case(name, "attr_valid", reserved, "reserved-memattr")
    yield Case(name, "addr_align", _block_unaligned)
    yield Case(name, "addr_bound", _beyond_pa)
    yield Case(name, "rtte_state", _mapped_twice)
    unmap = "RMI_RTT_UNMAP_UNPROTECTED"
    yield Case(unmap, "rtte_state", spoilt(unmap, ipa=plus("ipa", GRANULE_BYTES)))


def _ripas_at_block(scene: Scene, offset: int, top: int) -> Call:
    """RMI_RTT_INIT_RIPAS where there is no last-level table."""
    rd, heap = scene.realm(), scene.kit.heap
    scene.tables(rd, heap, 2)
    return scene.call("RMI_RTT_INIT_RIPAS", rd, heap + offset, heap + top)


def _ripas_of_data(scene: Scene) -> Call:
    made = GOOD["RMI_RTT_INIT_RIPAS"](scene)
    scene.data(arg(made, "rd"), arg(made, "base"))
    return made


def _ripas_of_destroyed(scene: Scene) -> Call:
    rd, heap = scene.realm(), scene.kit.heap
    scene.tables(rd, heap)
    scene.do("RMI_RTT_DESTROY", rd, heap, 3)
    return scene.call("RMI_RTT_INIT_RIPAS", rd, heap, heap + _BLOCK)


def _over_border(scene: Scene) -> Call:
    made = GOOD["RMI_RTT_INIT_RIPAS"](scene)
    top = scene.of(arg(made, "rd")).protected_top + GRANULE_BYTES
    return scene.call("RMI_RTT_INIT_RIPAS", *made.args[:2], top)


def _init_cases() -> Iterator[Case]:
    name = "RMI_RTT_INIT_RIPAS"
    yield Case(name, "size_valid", spoilt(name, top=plus("base", 0)))
    yield Case(name, "base_gran_align", spoilt(name, base=plus("base", 8)))
    yield Case(name, "top_gran_align", spoilt(name, top=plus("top", 8)))
    yield Case(name, "top_bound", _over_border)
    middle = GRANULE_BYTES, _BLOCK
    yield Case(name, "base_align", lambda scene: _ripas_at_block(scene, *middle))
    yield Case(name, "no_progress", lambda scene: _ripas_at_block(scene, 0, GRANULE_BYTES))
    yield Case(name, "rtte_state", _ripas_of_data, "assigned")
    yield Case(name, "rtte_state", _ripas_of_destroyed, "destroyed")


def _set_at_block(scene: Scene, offset: int, top: int) -> Call:
    heap = scene.kit.heap
    base, end = heap + offset, heap + top
    return scene.call("RMI_RTT_SET_RIPAS", *ripas_asked(scene, base, end, 2), base, end)


def _rec_runs(scene: Scene) -> Call:
    made = GOOD["RMI_RTT_SET_RIPAS"](scene)
    scene.enter(arg(made, "rec"), pe=1)
    return made


def _rec_of_another(scene: Scene) -> Call:
    made = GOOD["RMI_RTT_SET_RIPAS"](scene)
    rd = scene.granule_in(GranuleState.RD)
    scene.tables(rd, arg(made, "base"))
    return scene.call("RMI_RTT_SET_RIPAS", rd, *made.args[1:])


def _set_cases() -> Iterator[Case]:
    name = "RMI_RTT_SET_RIPAS"
    yield Case(name, "size_valid", spoilt(name, top=plus("base", 0)))
    yield Case(name, "rec_state", _rec_runs)
    yield Case(name, "rec_owner", _rec_of_another)
    yield Case(name, "base_bound", spoilt(name, base=plus("base", GRANULE_BYTES)))
    yield Case(name, "top_bound", spoilt(name, top=plus("top", GRANULE_BYTES)))
    yield Case(name, "top_gran_align", spoilt(name, top=plus("top", -8)))
    yield Case(name, "base_align", lambda scene: _set_at_block(scene, GRANULE_BYTES, _BLOCK))
    yield Case(name, "no_progress", lambda scene: _set_at_block(scene, 0, GRANULE_BYTES))


CASES: tuple[Case, ...] = (
    *_table_cases(),
    *_unprotected_cases(),
    *_init_cases(),
    *_set_cases(),
)
