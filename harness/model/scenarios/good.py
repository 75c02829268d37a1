# SPDX-License-Identifier: BSD-3-Clause
"""For each command a call that would succeed; cases spoil one thing in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.abi import Value, codec, tables
from harness.model.calls import Call
from harness.model.scenarios.scene import Scene
from harness.types import GRANULE_BYTES

Good = Callable[[Scene], Call]

_DESC = tables().bitfield("UnprotectedDesc")
ATTRIBUTES = _DESC.encode(MemAttr=0b110, S2AP=0b11)
PAGES = 3
RAM = 1


def _addr(state: str) -> Good:
    name = f"RMI_GRANULE_{state}"
    return lambda scene: scene.call(
        name, scene.free() if state == "DELEGATE" else scene.delegated()
    )


def data_create(scene: Scene) -> Call:
    """RMI_DATA_CREATE at the heap."""
    rd, heap = scene.realm(), scene.kit.heap
    scene.tables(rd, heap)
    return scene.call("RMI_DATA_CREATE", rd, scene.delegated(), heap, scene.page(), 1)


def data_create_unknown(scene: Scene) -> Call:
    """RMI_DATA_CREATE_UNKNOWN at the heap."""
    rd, heap = scene.realm(), scene.kit.heap
    scene.tables(rd, heap)
    return scene.call("RMI_DATA_CREATE_UNKNOWN", rd, scene.delegated(), heap)


def data_destroy(scene: Scene) -> Call:
    """RMI_DATA_DESTROY of a page at the heap."""
    rd, heap = scene.realm(), scene.kit.heap
    scene.data(rd, heap)
    return scene.call("RMI_DATA_DESTROY", rd, heap)


def _with_rd(name: str) -> Good:
    return lambda scene: scene.call(name, scene.realm())


def realm_create(scene: Scene, **changes: Value) -> Call:
    """RMI_REALM_CREATE with some fields of its parameters changed."""
    rd = scene.delegated()
    page = codec("RmiRealmParams").encode(**scene.realm_params(**changes))
    return scene.call("RMI_REALM_CREATE", rd, scene.page(page))


def rec_create(scene: Scene, **changes: Value) -> Call:
    """RMI_REC_CREATE with some fields of its parameters changed."""
    return rec_create_in(scene, scene.realm(), **changes)


def rec_create_in(scene: Scene, rd: int, **changes: Value) -> Call:
    """RMI_REC_CREATE in a realm that is there."""
    pa = scene.delegated()
    page = codec("RmiRecParams").encode(**scene.rec_params(rd, **changes))
    return scene.call("RMI_REC_CREATE", rd, pa, scene.page(page))


def _rec_destroy(scene: Scene) -> Call:
    return scene.call("RMI_REC_DESTROY", scene.rec(scene.realm()))


def rec_enter(scene: Scene, **fields: Value) -> Call:
    """RMI_REC_ENTER with some fields of the enter area set."""
    _, (rec,) = scene.guest()
    return scene.call("RMI_REC_ENTER", rec, scene.run_page(**fields))


def cpu_on_pending(scene: Scene, *recs: int) -> tuple[int, int]:
    """A realm in which REC 0 waits for CPU_ON of REC 1."""
    _, made = scene.guest(*(recs or (1, 0)))
    scene.run(made[0], scene.smc("PSCI_CPU_ON", 1, scene.kit.pc, 0))
    return made[0], made[1]


def _psci_complete(scene: Scene) -> Call:
    return scene.call("RMI_PSCI_COMPLETE", *cpu_on_pending(scene), 0)


def _rtt_create(scene: Scene) -> Call:
    rd, heap = scene.realm(), scene.kit.heap
    scene.tables(rd, heap, 2)
    return scene.call("RMI_RTT_CREATE", rd, scene.delegated(), heap, 3)


def _with_table(name: str) -> Good:
    def good(scene: Scene) -> Call:
        rd, heap = scene.realm(), scene.kit.heap
        scene.tables(rd, heap)
        return scene.call(name, rd, heap, 3)

    return good


def map_unprotected(scene: Scene) -> Call:
    """RMI_RTT_MAP_UNPROTECTED of a page at the start of the unprotected half."""
    rd = scene.realm()
    ipa = scene.of(rd).protected_top
    scene.tables(rd, ipa)
    return scene.call("RMI_RTT_MAP_UNPROTECTED", rd, ipa, 3, scene.page() | ATTRIBUTES)


def unmap_unprotected(scene: Scene) -> Call:
    """RMI_RTT_UNMAP_UNPROTECTED of such a page."""
    made = map_unprotected(scene)
    scene.do("RMI_RTT_MAP_UNPROTECTED", *made.args)
    return scene.call("RMI_RTT_UNMAP_UNPROTECTED", *made.args[:3])


def _init_ripas(scene: Scene) -> Call:
    rd, heap = scene.realm(), scene.kit.heap
    scene.tables(rd, heap)
    return scene.call("RMI_RTT_INIT_RIPAS", rd, heap, heap + PAGES * GRANULE_BYTES)


def ripas_asked(scene: Scene, base: int, top: int, level: int = 3) -> tuple[int, int]:
    """A realm that asked for RAM on [base, top), with tables down to ``level``."""
    rd, (rec,) = scene.guest()
    scene.tables(rd, base, level)
    scene.run(rec, scene.smc("RSI_IPA_STATE_SET", base, top, RAM, 0))
    return rd, rec


def set_ripas(scene: Scene) -> Call:
    """RMI_RTT_SET_RIPAS of all that a realm asked for."""
    base = scene.kit.heap
    top = base + PAGES * GRANULE_BYTES
    return scene.call("RMI_RTT_SET_RIPAS", *ripas_asked(scene, base, top), base, top)


GOOD: Mapping[str, Good] = {
    "RMI_VERSION": lambda s: s.call("RMI_VERSION", tables().constants["RMI_ABI_VERSION"]),
    "RMI_FEATURES": lambda s: s.call("RMI_FEATURES", 0),
    "RMI_GRANULE_DELEGATE": _addr("DELEGATE"),
    "RMI_GRANULE_UNDELEGATE": _addr("UNDELEGATE"),
    "RMI_DATA_CREATE": data_create,
    "RMI_DATA_CREATE_UNKNOWN": data_create_unknown,
    "RMI_DATA_DESTROY": data_destroy,
    "RMI_REALM_ACTIVATE": _with_rd("RMI_REALM_ACTIVATE"),
    "RMI_REALM_CREATE": realm_create,
    "RMI_REALM_DESTROY": _with_rd("RMI_REALM_DESTROY"),
    "RMI_REC_AUX_COUNT": _with_rd("RMI_REC_AUX_COUNT"),
    "RMI_REC_CREATE": rec_create,
    "RMI_REC_DESTROY": _rec_destroy,
    "RMI_REC_ENTER": rec_enter,
    "RMI_PSCI_COMPLETE": _psci_complete,
    "RMI_RTT_CREATE": _rtt_create,
    "RMI_RTT_DESTROY": _with_table("RMI_RTT_DESTROY"),
    "RMI_RTT_FOLD": _with_table("RMI_RTT_FOLD"),
    "RMI_RTT_READ_ENTRY": _with_table("RMI_RTT_READ_ENTRY"),
    "RMI_RTT_MAP_UNPROTECTED": map_unprotected,
    "RMI_RTT_UNMAP_UNPROTECTED": unmap_unprotected,
    "RMI_RTT_INIT_RIPAS": _init_ripas,
    "RMI_RTT_SET_RIPAS": set_ripas,
}
