# SPDX-License-Identifier: BSD-3-Clause
"""Made-up races: what a right RMM answers has an order, whatever calls overlapped with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest

from harness.abi import codec, tables
from harness.model import Call, State, step
from harness.model.scenarios import Scene
from harness.tap import assemble
from harness.tap.layout import State as Where
from harness.tap.rules import Judge
from harness.tests.model_kits import PAGES, kit
from harness.tests.tap_files import RAM, Writer, fid
from harness.types import GRANULE_BYTES, Pa

HEAP = kit().heap
NEXT_TABLE = HEAP + (1 << 21)
BORDER = 1 << 39
DRAM_BASE, DRAM_BYTES = 0x4000_0000, 0xC000_0000
DELEGATE, UNDELEGATE = "RMI_GRANULE_DELEGATE", "RMI_GRANULE_UNDELEGATE"
PARAMETERS = ("RMI_REALM_CREATE", "RMI_REC_CREATE")
INPUT, ERROR_REC = (tables().statuses[name] for name in ("RMI_ERROR_INPUT", "RMI_ERROR_REC"))
IRQ = tables().enum("RmiRecExitReason")["IRQ"]


@dataclass(slots=True)
class Made:
    """A call under way; it takes effect at some moment, and then has its answer."""

    number: int
    call: Call
    answer: list[int] = field(default_factory=list)


class Race:
    """A recording of an RMM that does one call after the other, on CPUs that do not wait."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.writer = Writer()
        scene = Scene(kit())
        scene.do("RMI_FEATURES", 0)
        self.rd, (self.rec,) = scene.guest()
        scene.tables(self.rd, HEAP)
        scene.tables(self.rd, BORDER)
        self.granules = [scene.delegated() for _ in range(3)]
        self.page = scene.page()
        self.state = State(kit().platform)
        self.writer.call("RMM_BOOT_COMPLETE", state=Where.REALM)
        for made in scene.steps:
            assert isinstance(made, Call)
            self.effect(begun := self.begin(made))
            self.end(begun)

    def begin(self, call: Call) -> Made:
        pages = [(pa, page) for pa in call.args if (page := call.memory.get(pa)) is not None]
        memory = pages[0] if pages and call.name in PARAMETERS else None
        return Made(self.writer.call(call.fid, *call.args, cpu=call.pe, memory=memory), call)

    def enter(self, cpu: int) -> int:
        """Begin an entry that may end at once."""
        area = codec("RmiRecEnter").encode()
        return self.writer.call("RMI_REC_ENTER", self.rec, self.page, cpu=cpu, memory=(PAGES, area))

    def interrupted(self, entry: int, cpu: int) -> None:
        """It ends in the exit of a realm that did nothing."""
        self.exits(entry, cpu, exit_reason=IRQ)

    def exits(self, entry: int, cpu: int, **fields: int) -> None:
        memory = (PAGES, codec("RmiRecExit").encode(**fields))
        self.writer.back(entry, 0, cpu=cpu, memory=memory)

    def effect(self, made: Made) -> None:
        verdict, self.state = step(self.state, made.call)
        made.answer = [value or 0 for value in verdict.strict.x]

    def end(self, made: Made) -> None:
        self.writer.back(made.number, *made.answer, cpu=made.call.pe)

    def a_call(self, cpu: int) -> Call:
        rd, granule = self.rd, self.random.choice(self.granules)
        ipa = HEAP + self.random.randrange(2) * GRANULE_BYTES
        calls: list[tuple[str, tuple[int, ...]]] = [
            (DELEGATE, (granule,)),
            (UNDELEGATE, (granule,)),
            ("RMI_DATA_CREATE_UNKNOWN", (rd, granule, ipa)),
            ("RMI_DATA_DESTROY", (rd, ipa)),
            ("RMI_RTT_READ_ENTRY", (rd, ipa, 3)),
            ("RMI_RTT_CREATE", (rd, granule, NEXT_TABLE, 3)),
            ("RMI_RTT_DESTROY", (rd, NEXT_TABLE, 3)),
            ("RMI_RTT_READ_ENTRY", (rd, NEXT_TABLE, 3)),
            ("RMI_RTT_MAP_UNPROTECTED", (rd, BORDER, 3, self.page)),
            ("RMI_RTT_UNMAP_UNPROTECTED", (rd, BORDER, 3)),
        ]
        name, args = self.random.choice(calls)
        return Call(fid(name), args, {}, cpu)

    def go(self, cpus: int, calls: int) -> None:
        """Let as many CPUs make so many calls in all."""
        busy: dict[int, Made] = {}
        while calls or busy:
            cpu = self.random.randrange(cpus)
            made = busy.get(cpu)
            if made is None:
                if calls:
                    busy[cpu] = self.begin(self.a_call(cpu))
                    calls -= 1
            elif not made.answer:
                self.effect(made)
            else:
                self.end(busy.pop(cpu))


def judged(writer: Writer, *rules: str) -> Judge:
    header = writer.header(ram_base=Pa(DRAM_BASE), ram_size=DRAM_BYTES)
    judge = Judge(header, rules or {"model-verdict", "live-table"}, is_1_0=True)
    for event in assemble(writer.records):
        judge.feed(event)
    judge.end()
    return judge


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(("cpus", "calls"), [(2, 40), (3, 20), (4, 12)])
def test_right_rmm_is_not_accused_and_all_it_says_is_judged(
    seed: int, cpus: int, calls: int
) -> None:
    race = Race(1000 * cpus + seed)
    race.go(cpus, calls)
    judge = judged(race.writer)
    assert [str(one) for one in judge.violations] == []
    assert not judge.tally.replay.unjudged


def booted() -> Writer:
    """A granule is delegated and given back: there is memory."""
    writer = Writer()
    writer.call("RMM_BOOT_COMPLETE", state=Where.REALM)
    writer.back(writer.call(DELEGATE, RAM), 0)
    writer.back(writer.call(UNDELEGATE, RAM), 0)
    return writer


@pytest.mark.parametrize("answer", [INPUT, 0], ids=["right", "wrong"])
def test_last_one_of_those_that_overlapped_is_judged(answer: int) -> None:
    writer = booted()
    last = writer.call(UNDELEGATE, RAM, cpu=1)
    writer.back(writer.call(DELEGATE, RAM + GRANULE_BYTES), 0)
    writer.back(last, answer, cpu=1)
    judge = judged(writer)
    assert len(judge.violations) == (answer == 0)
    assert not judge.tally.replay.unjudged


@pytest.mark.parametrize("winner", [1, 2])
def test_nobody_can_tell_which_of_two_it_was_until_they_answer(winner: int) -> None:
    """Two delegate it, a third gives it back before either is told who it was."""
    writer = booted()
    first = {cpu: writer.call(DELEGATE, RAM, cpu=cpu) for cpu in (1, 2)}
    writer.back(writer.call(UNDELEGATE, RAM), 0)
    for cpu, call in first.items():
        writer.back(call, 0 if cpu == winner else INPUT, cpu=cpu)
    judge = judged(writer)
    assert [str(one) for one in judge.violations] == []


def test_what_was_learnt_meanwhile_accuses_nobody() -> None:
    """It was delegated unseen; somebody tried that again, before or after it was given back."""
    writer = booted()
    writer.lose(1)
    late = writer.call(DELEGATE, RAM, cpu=1)
    writer.back(writer.call(UNDELEGATE, RAM), 0)
    writer.back(late, INPUT, cpu=1)
    assert [str(one) for one in judged(writer).violations] == []


@pytest.mark.parametrize("answer", [ERROR_REC, INPUT], ids=["right", "wrong"])
def test_entry_that_lost_is_told_after_the_exit_of_the_one_that_won(answer: int) -> None:
    """The realm made no call: only its exit shows that it ran, and when is not shown at all."""
    race = Race(0)
    won, lost = race.enter(1), race.enter(0)
    race.interrupted(won, 1)
    race.writer.back(lost, answer)
    judge = judged(race.writer)
    assert len(judge.violations) == (answer == INPUT)
    assert not judge.tally.replay.unjudged


def test_rec_may_be_gone_before_its_exit_is_told() -> None:
    race = Race(0)
    entry = race.enter(1)
    race.writer.back(race.writer.call("RMI_REC_DESTROY", race.rec), 0)
    race.interrupted(entry, 1)
    judge = judged(race.writer)
    assert [str(one) for one in judge.violations] == []
    assert not judge.tally.replay.unjudged


@pytest.mark.parametrize("mapped", ["before", "meanwhile", "after", "never"])
def test_another_vcpu_had_the_page_mapped_before_the_abort_was_told(mapped: str) -> None:
    """Then there is nothing to do but to try again."""
    race = Race(0)
    abort = 0x24 << 26 | 1 << 24 | 3 << 22  # a read, with a syndrome

    def map_if(when: str) -> None:
        if mapped == when:
            call = race.writer.call("RMI_RTT_MAP_UNPROTECTED", race.rd, BORDER, 3, race.page)
            race.writer.back(call, 0)

    map_if("before")
    entry = race.enter(1)
    map_if("meanwhile")
    race.exits(entry, 1, esr=abort, hpfar=BORDER >> 8)
    map_if("after")
    race.enter(1)
    broken = judged(race.writer, "mmio-answered").violations
    assert len(broken) == (mapped in ("before", "never"))


def test_call_from_before_a_loss_may_undo_what_was_learnt_since() -> None:
    """Delegated by a call that was seen, given back by one of which only the return was."""
    writer = booted()
    early = writer.seq
    writer.lose(1)
    writer.back(writer.call(DELEGATE, RAM), 0)
    writer.back(early, 0, cpu=1)
    writer.back(writer.call(UNDELEGATE, RAM), INPUT)
    assert [str(one) for one in judged(writer).violations] == []


def test_order_of_returns_teaches_nothing() -> None:
    """After a loss: the table was made of what the other call, told last, had freed before."""
    race = Race(0)
    race.writer.lose(1)
    granule, rd = race.granules[0], race.rd
    freed = race.writer.call("RMI_DATA_DESTROY", rd, HEAP, cpu=1)
    race.writer.back(race.writer.call("RMI_RTT_CREATE", rd, granule, NEXT_TABLE, 3), 0)
    race.writer.back(freed, 0, granule, NEXT_TABLE, cpu=1)
    race.writer.back(race.writer.call(UNDELEGATE, granule), INPUT)
    assert [str(one) for one in judged(race.writer).violations] == []
