# SPDX-License-Identifier: BSD-3-Clause
"""What the machine showed decides with what the duel goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.abi import codec, tables
from harness.model import Access, EnterVerdict, Exits, Kind, State, step
from harness.model.scenarios import Scene
from harness.oracle import duel
from harness.oracle.disagree import Disagreement
from harness.oracle.program import Body
from harness.oracle.residents import Plan
from harness.oracle.seen import compare_run
from harness.oracle.steps import Issue
from harness.tests.model_kits import PAGES, kit

EXIT = codec("RmiRecExit")
BORDER = 1 << 39
READ_ONLY = tables().bitfield("UnprotectedDesc").encode(MemAttr=0b110, S2AP=0b01)
EMULATE = tables().bitfield("RmiRecEnterFlags").encode(EMUL_MMIO=1)


def refused_write() -> tuple[Scene, int, Exits]:
    """A scene in which a REC has just written to a page that it may only read."""
    scene = Scene(kit())
    rd, (rec,) = scene.guest(activate=False)
    scene.tables(rd, BORDER)
    scene.do("RMI_RTT_MAP_UNPROTECTED", rd, BORDER, 3, PAGES | READ_ONLY)
    scene.do("RMI_REALM_ACTIVATE", rd)
    return scene, rec, scene.run(rec, Access(BORDER, Kind.WRITE, value=7))


def compared(scene: Scene, rec: int, wanted: Exits, shown: Exits) -> State:
    """The state after the machine showed this exit."""
    area = EXIT.encode(**shown.fields, gprs=shown.gprs)
    residents: Any = SimpleNamespace(
        memory=SimpleNamespace(link=SimpleNamespace(read=lambda _pa, _count: area))
    )
    return compare_run(residents, Plan(rec, scene.state, Body(), exit=wanted), scene.page())


@pytest.mark.parametrize("shows", [True, False])
def test_syndrome_that_was_shown_must_be_taken(shows: bool) -> None:
    """RMMs disagree whether a permission fault is emulatable; the next entry tells by the exit."""
    scene, rec, wanted = refused_write()
    assert wanted.other is not None
    state = compared(scene, rec, wanted, wanted.other if shows else wanted)
    page = scene.run_page(flags=EMULATE)
    verdict, _ = step(state, scene.call("RMI_REC_ENTER", rec, page))
    assert isinstance(verdict, EnterVerdict) is shows
    assert verdict.condition == (None if shows else "rec_mmio")


def test_exit_that_is_neither_is_a_disagreement() -> None:
    scene, rec, wanted = refused_write()
    other = Exits(wanted.reason, {**wanted.fields, "hpfar": 0})
    with pytest.raises(Disagreement, match="exit of the REC") as caught:
        compared(scene, rec, wanted, other)
    assert "hpfar: wanted 0x80000000, seen 0x0" in str(caught.value)


def test_interrupt_that_never_comes_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt controller that lost it does not keep the test for ever."""
    monkeypatch.setattr(duel, "_CALL_TIMEOUT_S", 0.05)
    link = SimpleNamespace(sgi=lambda *_, **_more: None, irq_pending=lambda **_: None)
    world: Any = SimpleNamespace(link=link)
    ground: Any = SimpleNamespace(platform=kit().platform)
    made = Issue("RMI_VERSION", (0x1_0000,), irq=True)
    with pytest.raises(Disagreement, match="the interrupt for PE 0 does not become pending"):
        duel.Duel(world, ground).play(made)
