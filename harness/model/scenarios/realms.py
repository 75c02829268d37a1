# SPDX-License-Identifier: BSD-3-Clause
"""Cases about realms and RECs: states, parameters, entry, completion."""

from __future__ import annotations

from collections.abc import Iterator

from harness.abi import Value, tables
from harness.model import psci
from harness.model.calls import Call
from harness.model.params import mpidr_of
from harness.model.realm_side.activity import Access
from harness.model.scenarios.families import NewValue, arg, constant, spoilt
from harness.model.scenarios.good import (
    GOOD,
    cpu_on_pending,
    realm_create,
    rec_create,
    rec_create_in,
    rec_enter,
)
from harness.model.scenarios.kit import Unavailable
from harness.model.scenarios.recipe import Build, Case
from harness.model.scenarios.scene import Scene, with_args
from harness.model.state import GranuleState
from harness.types import GRANULE_BYTES

_FLAGS = tables().bitfield("RmiRealmFlags")
_ENTER = tables().bitfield("RmiRecEnterFlags")
_MANY_RECS = 64
_SECOND_PE = 1


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
    yield Case("RMI_REC_CREATE", "realm_state", _rec_of_active, "active")


def _rec_of_active(scene: Scene) -> Call:
    rd = scene.realm()
    scene.do("RMI_REALM_ACTIVATE", rd)
    return rec_create_in(scene, rd)


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
    yield Case(name, "vmid_valid", _vmid_used, "used")
    yield Case(name, "vmid_valid", _vmid_too_wide, "too-wide")
    yield Case(name, "alias", _rd_in_root)
    yield Case(name, "rtt_align", _root_unaligned)
    for count in (1, 3, 4):
        yield Case(name, "rtt_num_level", _roots(count), f"{count}-tables")
    for state in GranuleState:
        if state is not GranuleState.DELEGATED:
            yield Case(name, "rtt_state", _root_in(state), state.lower())


def _rec_with(**changes: Value) -> Build:
    return lambda scene: rec_create(scene, **changes)


def _rec_limit(scene: Scene) -> Call:
    most = scene.kit.platform.max_recs
    if most > _MANY_RECS:
        raise Unavailable(f"{most} RECs are too many to create")
    rd = scene.realm()
    for _ in range(most):
        scene.rec(rd)
    return rec_create_in(scene, rd)


def _with_aux(scene: Scene, change: NewValue) -> Call:
    """The good call with its last aux granule replaced; ``change`` sees the call."""
    wanted = scene.kit.platform.aux_granules
    if not wanted:
        raise Unavailable("RECs have no auxiliary granules here")
    rd, rec = scene.realm(), scene.delegated()
    aux = tuple(scene.delegated() for _ in range(wanted - 1))
    last = change(scene, scene.call("RMI_REC_DESTROY", rec))
    return with_args(rec_create_in(scene, rd, aux=(*aux, last)), rec=rec)


def _aux(change: NewValue) -> Build:
    return lambda scene: _with_aux(scene, change)


def _granule_in(state: GranuleState) -> NewValue:
    return lambda scene, _made: scene.granule_in(state)


def _rec_create_cases() -> Iterator[Case]:
    name = "RMI_REC_CREATE"
    yield Case(name, "num_aux_max", _rec_with(num_aux=17, aux=()))
    yield Case(name, "num_aux", _one_aux_too_many)
    yield Case(name, "mpidr_index", _rec_with(mpidr=mpidr_of(1)), "skipped")
    yield Case(name, "mpidr_index", _rec_with(mpidr=1 << 4), "reserved")
    yield Case(name, "rec_limit", _rec_limit)
    yield Case(name, "aux_align", _aux(lambda scene, _made: scene.delegated() + 8))
    yield Case(name, "aux_alias", _aux(lambda _scene, made: made.args[0]), "rec")
    for state in GranuleState:
        if state is not GranuleState.DELEGATED:
            build = _aux(_granule_in(state))
            yield Case(name, "aux_state", build, state.lower())


def _one_aux_too_many(scene: Scene) -> Call:
    wrong = scene.kit.platform.aux_granules + 1
    if wrong > 16:
        wrong -= 2
    aux = tuple(scene.delegated() for _ in range(wrong))
    return rec_create(scene, num_aux=wrong, aux=aux)


def _running(command: str) -> Build:
    def build(scene: Scene) -> Call:
        made = GOOD[command](scene)
        rec = arg(made, "rec")
        if command == "RMI_REC_DESTROY":
            _, (rec,) = scene.guest()
        scene.enter(rec, pe=_SECOND_PE)
        return with_args(made, rec=rec)

    return build


def _enter_new(scene: Scene) -> Call:
    _, (rec,) = scene.guest(activate=False)
    return scene.call("RMI_REC_ENTER", rec, scene.run_page())


def _enter_after(activity: str, *args: int) -> Build:
    def build(scene: Scene) -> Call:
        made = GOOD["RMI_REC_ENTER"](scene)
        scene.run(arg(made, "rec"), scene.smc(activity, *args))
        return made

    return build


def _enter_not_runnable(scene: Scene) -> Call:
    _, (rec,) = scene.guest(0)
    return scene.call("RMI_REC_ENTER", rec, scene.run_page())


def _enter_psci_pending(scene: Scene) -> Call:
    return scene.call("RMI_REC_ENTER", cpu_on_pending(scene)[0], scene.run_page())


def _enter_with(**fields: Value) -> Build:
    return lambda scene: rec_enter(scene, **fields)


def _mmio_without_syndrome(scene: Scene) -> Call:
    rd, (rec,) = scene.guest()
    scene.run(rec, Access(scene.of(rd).protected_top, has_syndrome=False))
    flags = _ENTER.encode(EMUL_MMIO=1)
    return scene.call("RMI_REC_ENTER", rec, scene.run_page(flags=flags))


def _enter_cases() -> Iterator[Case]:
    name = "RMI_REC_ENTER"
    for command in (name, "RMI_REC_DESTROY"):
        yield Case(command, "rec_state", _running(command))
    yield Case(name, "realm_new", _enter_new)
    yield Case(name, "system_off", _enter_after("PSCI_SYSTEM_OFF"))
    yield Case(name, "rec_runnable", _enter_not_runnable, "created-so")
    yield Case(name, "rec_runnable", _enter_after("PSCI_CPU_OFF"), "off")
    yield Case(name, "rec_psci", _enter_psci_pending)
    pending, valid = 1 << 62, 27
    bad_lrs = {"hw": (1 << 61,), "intid": (1020 - valid,), "twice": (0, pending | valid)}
    yield Case(name, "rec_gicv3", _enter_with(gicv3_hcr=1), "hcr")
    for variant, extra in bad_lrs.items():
        lrs = (pending | (extra[0] + valid), *extra[1:])
        yield Case(name, "rec_gicv3", _enter_with(gicv3_lrs=lrs), variant)
    yield Case(name, "rec_sea", _enter_with(flags=_ENTER.encode(INJECT_SEA=1)))
    yield Case(name, "rec_mmio", _enter_with(flags=_ENTER.encode(EMUL_MMIO=1)), "no-abort")
    yield Case(name, "rec_mmio", _mmio_without_syndrome, "no-syndrome")


def _complete_without_request(scene: Scene) -> Call:
    _, recs = scene.guest(1, 0)
    return scene.call("RMI_PSCI_COMPLETE", *recs, psci.SUCCESS)


def _complete_running(scene: Scene) -> Call:
    _, recs = scene.guest(1, 0)
    scene.enter(recs[0], pe=_SECOND_PE)
    return scene.call("RMI_PSCI_COMPLETE", *recs, psci.SUCCESS)


def _complete_third(scene: Scene) -> Call:
    calling, _ = cpu_on_pending(scene, 1, 0, 0)
    third = max(scene.state.recs.values(), key=lambda rec: rec.index)
    return scene.call("RMI_PSCI_COMPLETE", calling, third.pa, psci.SUCCESS)


def _denied_too_late(scene: Scene) -> Call:
    return scene.call("RMI_PSCI_COMPLETE", *cpu_on_pending(scene, 1, 1), psci.DENIED)


def _denied_affinity(scene: Scene) -> Call:
    _, recs = scene.guest(1, 0)
    scene.run(recs[0], scene.smc("PSCI_AFFINITY_INFO", 1, 0))
    return scene.call("RMI_PSCI_COMPLETE", *recs, psci.DENIED)


def _complete_cases() -> Iterator[Case]:
    name = "RMI_PSCI_COMPLETE"
    alias = spoilt(name, target_rec=lambda _scene, made: made.args[0])
    yield Case(name, "alias", alias)
    yield Case(name, "calling_running", _complete_running)
    yield Case(name, "pending", _complete_without_request)
    stranger = spoilt(name, target_rec=lambda scene, _made: scene.granule_in(GranuleState.REC))
    yield Case(name, "owner", stranger)
    yield Case(name, "target", _complete_third)
    bad = spoilt(name, status=constant(psci.INVALID_PARAMETERS))
    yield Case(name, "status", bad, "not-permitted")
    yield Case(name, "status", _denied_too_late, "denied-too-late")
    yield Case(name, "status", _denied_affinity, "denied-affinity")


CASES: tuple[Case, ...] = (
    *_state_cases(),
    Case("RMI_REALM_DESTROY", "realm_live", _live_by_rec, "rec"),
    Case("RMI_REALM_DESTROY", "realm_live", _live_by_table, "table"),
    *_create_cases(),
    *_rec_create_cases(),
    *_enter_cases(),
    *_complete_cases(),
)
