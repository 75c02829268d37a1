# SPDX-License-Identifier: BSD-3-Clause
"""Cases about RECs: creation, entry, completion."""

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
    rec_create,
    rec_create_in,
    rec_enter,
)
from harness.model.scenarios.kit import Unavailable
from harness.model.scenarios.recipe import Build, Case
from harness.model.scenarios.scene import Scene, with_args
from harness.model.state import GranuleState

ENTER_FLAGS = tables().bitfield("RmiRecEnterFlags")
_MANY_RECS = 64
_SECOND_PE = 1


def _rec_of_active(scene: Scene) -> Call:
    rd = scene.realm()
    scene.do("RMI_REALM_ACTIVATE", rd)
    return rec_create_in(scene, rd)


def _rec_of_off(scene: Scene) -> Call:
    rd, (rec,) = scene.guest()
    scene.run(rec, scene.smc("PSCI_SYSTEM_OFF"))
    return rec_create_in(scene, rd)


def _rec_with(**changes: Value) -> Build:
    return lambda scene: rec_create(scene, **changes)


def _rec_limit(scene: Scene) -> Call:
    return rec_create_in(scene, _with_all_recs(scene)[0])


def _rec_limit_destroyed(scene: Scene) -> Call:
    """One of them is gone: the counter only grows."""
    rd, last = _with_all_recs(scene)
    scene.do("RMI_REC_DESTROY", last)
    return rec_create_in(scene, rd)


def _with_all_recs(scene: Scene) -> tuple[int, int]:
    """RD of a realm with as many RECs as it may have, and the last one."""
    most = scene.kit.platform.max_recs
    if most > _MANY_RECS:
        raise Unavailable(f"{most} RECs are too many to create")
    rd = scene.realm()
    return rd, [scene.rec(rd) for _ in range(most)][-1]


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
    yield Case(name, "realm_state", _rec_of_active, "active")
    yield Case(name, "realm_state", _rec_of_off, "system-off")
    yield Case(name, "num_aux_max", _rec_with(num_aux=17, aux=()))
    yield Case(name, "num_aux", _one_aux_too_many)
    yield Case(name, "mpidr_index", _rec_with(mpidr=mpidr_of(1)), "skipped")
    yield Case(name, "mpidr_index", _rec_with(mpidr=1 << 4), "reserved")
    yield Case(name, "rec_limit", _rec_limit)
    yield Case(name, "rec_limit", _rec_limit_destroyed, "destroyed")
    yield Case(name, "aux_align", _aux(lambda scene, _made: scene.delegated() + 8))
    yield Case(name, "aux_alias", _aux(lambda _scene, made: made.args[0]), "rec")
    yield Case(name, "aux_alias", _same_aux_twice, "twice")
    for state in GranuleState:
        if state is not GranuleState.DELEGATED:
            build = _aux(_granule_in(state))
            yield Case(name, "aux_state", build, state.lower())


def _same_aux_twice(scene: Scene) -> Call:
    wanted = scene.kit.platform.aux_granules
    if wanted < 2:
        raise Unavailable("RECs do not have two auxiliary granules here")
    return rec_create(scene, aux=(scene.delegated(),) * wanted)


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
    flags = ENTER_FLAGS.encode(EMUL_MMIO=1)
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
    yield Case(name, "rec_sea", _enter_with(flags=ENTER_FLAGS.encode(INJECT_SEA=1)))
    yield Case(name, "rec_mmio", _enter_with(flags=ENTER_FLAGS.encode(EMUL_MMIO=1)), "no-abort")
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


CASES: tuple[Case, ...] = (*_rec_create_cases(), *_enter_cases(), *_complete_cases())
