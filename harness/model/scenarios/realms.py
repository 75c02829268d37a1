# SPDX-License-Identifier: BSD-3-Clause
"""Cases about realms: their states and parameters."""

from __future__ import annotations

from collections.abc import Iterator

from harness.abi import Value, tables
from harness.model.calls import Call
from harness.model.scenarios.families import arg
from harness.model.scenarios.good import GOOD, realm_create
from harness.model.scenarios.kit import Unavailable
from harness.model.scenarios.recipe import Build, Case
from harness.model.scenarios.scene import Scene, with_args
from harness.model.state import GranuleState
from harness.types import GRANULE_BYTES

_FLAGS = tables().bitfield("RmiRealmFlags")


def _not_new(command: str, state: str) -> Build:
    def build(scene: Scene) -> Call:
        made = GOOD[command](scene)
        _advance(scene, arg(made, "rd"), state)
        return made

    return build


def _advance(scene: Scene, rd: int, state: str) -> None:
    if state == "system-off":
        for ipa, content in scene.kit.program:
            scene.load(rd, ipa, content)
        rec = scene.rec(rd)
    scene.do("RMI_REALM_ACTIVATE", rd)
    if state == "system-off":
        scene.run(rec, scene.smc("PSCI_SYSTEM_OFF"))


def _state_cases() -> Iterator[Case]:
    for command in ("RMI_DATA_CREATE", "RMI_REALM_ACTIVATE", "RMI_RTT_INIT_RIPAS"):
        for state in ("active", "system-off"):
            yield Case(command, "realm_state", _not_new(command, state), state)


def _live_by_rec(scene: Scene) -> Call:
    made = GOOD["RMI_REALM_DESTROY"](scene)
    scene.rec(arg(made, "rd"))
    return made


def _live_by_table(scene: Scene) -> Call:
    made = GOOD["RMI_REALM_DESTROY"](scene)
    scene.tables(arg(made, "rd"), scene.kit.heap)
    return made


def _realm_with(**changes: Value) -> Build:
    return lambda scene: realm_create(scene, **changes)


def _more_than(feature: str, name: str) -> Build:
    return lambda scene: realm_create(scene, **{name: scene.kit.platform.feature(feature) + 1})


def _flag_without(feature: str, flag: str) -> Build:
    def build(scene: Scene) -> Call:
        if scene.kit.platform.feature(feature):
            raise Unavailable(f"this RMM offers {feature}")
        return realm_create(scene, flags=_FLAGS.encode(**{flag: 1}))

    return build


def _hash_not_offered(scene: Scene) -> Call:
    for name, code in tables().enum("RmiHashAlgorithm").items():
        if not scene.kit.platform.feature(f"HASH_{name}"):
            return realm_create(scene, hash_algo=code)
    raise Unavailable("this RMM offers every hash algorithm that the tables have")


def _vmid_used(scene: Scene) -> Call:
    vmid = scene.of(scene.realm()).vmid
    return realm_create(scene, vmid=vmid)


def _vmid_too_wide(scene: Scene) -> Call:
    bits = scene.kit.platform.vmid_bits
    if bits >= 16:
        raise Unavailable("every VMID that the field can hold is in range")
    return realm_create(scene, vmid=1 << bits)


def _rd_in_root(scene: Scene) -> Call:
    root = scene.delegated(2)
    return with_args(realm_create(scene, rtt_base=root), rd=root + GRANULE_BYTES)


def _roots(count: int) -> Build:
    return lambda scene: realm_create(scene, rtt_num_start=count, rtt_base=scene.delegated(4))


def _root_unaligned(scene: Scene) -> Call:
    return realm_create(scene, rtt_base=scene.delegated(4) + GRANULE_BYTES)


def _root_in(state: GranuleState) -> Build:
    def build(scene: Scene) -> Call:
        root = scene.granule_in(state)
        return realm_create(scene, s2sz=39, rtt_num_start=1, rtt_base=root)

    return build


def _create_cases() -> Iterator[Case]:
    name = "RMI_REALM_CREATE"
    invalid = {"hash_algo": 0xFF, "s2sz": 31, "num_bps": 0, "num_wps": 0, "rtt_level_start": 3}
    for field, value in invalid.items():
        yield Case(name, "params_valid", _realm_with(**{field: value}), field.replace("_", "-"))
    for feature, field in (("S2SZ", "s2sz"), ("NUM_BPS", "num_bps"), ("NUM_WPS", "num_wps")):
        yield Case(name, "params_supp", _more_than(feature, field), field.replace("_", "-"))
    for feature, flag in (("LPA2", "LPA2"), ("SVE_EN", "SVE"), ("PMU_EN", "PMU")):
        yield Case(name, "params_supp", _flag_without(feature, flag), flag.lower())
    yield Case(name, "params_supp", _hash_not_offered, "hash")
    yield Case(name, "vmid_valid", _vmid_used, "used")
    yield Case(name, "vmid_valid", _vmid_too_wide, "too-wide")
    yield Case(name, "alias", _rd_in_root)
    yield Case(name, "rtt_align", _root_unaligned)
    for count in (1, 3, 4):
        yield Case(name, "rtt_num_level", _roots(count), f"{count}-tables")
    for state in GranuleState:
        if state is not GranuleState.DELEGATED:
            yield Case(name, "rtt_state", _root_in(state), state.lower())


CASES: tuple[Case, ...] = (
    *_state_cases(),
    Case("RMI_REALM_DESTROY", "realm_live", _live_by_rec, "rec"),
    Case("RMI_REALM_DESTROY", "realm_live", _live_by_table, "table"),
    *_create_cases(),
)
