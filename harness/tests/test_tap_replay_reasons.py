# SPDX-License-Identifier: BSD-3-Clause
"""Why calls failed: told where nothing overlapped with them, for then their place is sure."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.model import Call, State, step
from harness.model.scenarios import Scene
from harness.tap import assemble
from harness.tap.layout import State as Where
from harness.tap.replay import UNSURE, Reasons
from harness.tap.rules import Judge
from harness.tests.model_kits import kit
from harness.tests.tap_files import Writer, fid
from harness.types import GRANULE_BYTES, Pa

HEAP = kit().heap
INPUT = tables().statuses["RMI_ERROR_INPUT"]
DRAM_BASE, DRAM_BYTES = 0x4000_0000, 0xC000_0000
UNALIGNED = HEAP + GRANULE_BYTES
"""No IPA at which a table of level 3 begins."""


def tell(scene: Scene) -> Writer:
    """A recording of what the scene did, which were calls only."""
    writer = Writer()
    writer.call("RMM_BOOT_COMPLETE", state=Where.REALM)
    state = State(kit().platform)
    for made in scene.steps:
        assert isinstance(made, Call)
        verdict, state = step(state, made)
        pages = [(pa, page) for pa in made.args if (page := made.memory.get(pa)) is not None]
        call = writer.call(made.fid, *made.args, memory=pages[0] if pages else None)
        writer.back(call, *(value or 0 for value in verdict.strict.x))
    return writer


@pytest.mark.parametrize("overlapped", [False, True])
@pytest.mark.parametrize("read_before", [False, True], ids=["put-before", "new-order"])
def test_reasons_are_told_of_calls_that_nothing_overlapped(
    read_before: bool, overlapped: bool
) -> None:
    """The DATA_CREATE is told last; it came before the ACTIVATE, and so before the RTT_CREATE.

    Where somebody read the entry before it, the order has to be another one altogether. What
    refuses the RTT_CREATE depends on it, unless that is made when all the others are over.
    """
    scene = Scene(kit())
    rd = scene.realm()
    scene.tables(rd, HEAP)
    scene.ram(rd, HEAP, HEAP + GRANULE_BYTES)
    data = scene.delegated()
    writer = tell(scene)
    create = writer.call("RMI_DATA_CREATE", rd, data, HEAP, scene.page(), 0, cpu=1)
    read = writer.call("RMI_RTT_READ_ENTRY", rd, HEAP, 3, cpu=2) if read_before else None
    activate = writer.call("RMI_REALM_ACTIVATE", rd)
    writer.back(activate, 0)
    if read is not None:
        writer.back(read, 0, 3, tables().enum("RmiRttEntryState")["UNASSIGNED"], 0, 1, cpu=2)
    if not overlapped:
        writer.back(create, 0, cpu=1)
    refused = writer.call("RMI_RTT_CREATE", rd, data, UNALIGNED, 3)
    writer.back(refused, INPUT)
    if overlapped:
        writer.back(create, 0, cpu=1)
    judge = Judge(
        writer.header(ram_base=Pa(DRAM_BASE), ram_size=DRAM_BYTES), {"model-verdict"}, is_1_0=True
    )
    reasons = Reasons(set)
    judge.note_reasons(reasons)
    for event in assemble(writer.records):
        judge.feed(event)
    judge.end()
    assert [str(one) for one in judge.violations] == []
    assert judge.tally.replay.reordered == 1
    x = (fid("RMI_RTT_CREATE"), rd, data, UNALIGNED, 3, 0, 0, 0)
    assert reasons[x, INPUT] == ({UNSURE} if overlapped else {"ipa_align", "rtt_state"})
