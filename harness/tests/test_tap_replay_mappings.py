# SPDX-License-Identifier: BSD-3-Clause
"""What is judged of pages that a host shares, and of answers about which RMMs disagree."""

from __future__ import annotations

import pytest

from harness.abi import codec, tables
from harness.model import Call, State, step
from harness.model.platform import Region
from harness.model.scenarios import Scene
from harness.tap import assemble
from harness.tap.layout import State as Where
from harness.tap.rules import Judge
from harness.tests.model_kits import RMM, kit
from harness.tests.tap_files import Writer, fid
from harness.types import GRANULE_BYTES, Pa

BORDER = 1 << 39
HEAP = kit().heap
DRAM = Region(0x4000_0000, 0x1_0000_0000)
SECURE_RAM = 0x0E10_0000
EMULATE = tables().bitfield("RmiRecEnterFlags").encode(EMUL_MMIO=1)
DESC = tables().bitfield("UnprotectedDesc")
READ_WRITE, READ_ONLY = 0b11, 0b01
NORMAL, DEVICE = 0b110, 0b000
ABORT, ISV, SAS_8, SF, WNR = 0x24 << 26, 1 << 24, 3 << 22, 1 << 15, 1 << 6
ALIGNMENT, GRANULE, PERMISSION = 0x21, 0x28, 0x0F
ERROR_REC = tables().statuses["RMI_ERROR_REC"]
HPFAR = BORDER >> 8
WHETHER_MEMORY = "whether this address is memory is not known"


def _parameters(made: Call) -> tuple[int, bytes] | None:
    """The structure that the call names, as the plugin records it."""
    if made.name not in ("RMI_REALM_CREATE", "RMI_REC_CREATE"):
        return None
    found = [(pa, page) for pa in made.args if (page := made.memory.get(pa)) is not None]
    return found[0]


class Story:
    """A recording: what the model answers, and exits as a test wants them."""

    def __init__(self) -> None:
        self.scene = Scene(kit())
        self.writer = Writer()
        self.writer.call("RMM_BOOT_COMPLETE", state=Where.REALM)
        self.scene.do("RMI_FEATURES", 0)
        self.rd, (self.rec,) = self.scene.guest(activate=False)
        self.scene.tables(self.rd, BORDER)
        self._written = 0
        self._state = State(kit().platform)

    def share(self, pa: int, *, mem_attr: int = NORMAL, s2ap: int = READ_WRITE) -> None:
        """Map a page at the border."""
        desc = pa | DESC.encode(MemAttr=mem_attr, S2AP=s2ap)
        self.scene.do("RMI_RTT_MAP_UNPROTECTED", self.rd, BORDER, 3, desc)

    def tell(self) -> None:
        """Write down what the scene did since the last time."""
        for made in self.scene.steps[self._written :]:
            assert isinstance(made, Call)
            verdict, self._state = step(self._state, made)
            call = self.writer.call(made.fid, *made.args, memory=_parameters(made))
            self.writer.back(call, *(value or 0 for value in verdict.strict.x))
        self._written = len(self.scene.steps)

    def enters(self, status: int = 0, flags: int = 0) -> int:
        """The host enters the REC; without a status the call is still under way."""
        page = self.scene.page()
        area = codec("RmiRecEnter").encode(flags=flags)
        return self.writer.call("RMI_REC_ENTER", self.rec, page, memory=(page, area))

    def exits(self, call: int, **fields: int | tuple[int, ...]) -> None:
        """That entry returns with this exit."""
        self.writer.back(call, 0, memory=(DRAM.base, codec("RmiRecExit").encode(**fields)))

    def aborts(self, esr: int, far: int = 0, value: int = 0, flags: int = 0) -> None:
        """An entry that ends in a data abort at the border."""
        call = self.enters(flags=flags)
        self.exits(call, esr=ABORT | esr, far=far, hpfar=HPFAR, gprs=(value,))

    def judged(self) -> Judge:
        """What the judge says of all this."""
        header = self.writer.header(ram_base=Pa(DRAM.base), ram_size=DRAM.top - DRAM.base)
        judge = Judge(header, {"model-verdict"}, is_1_0=True)
        for event in assemble(self.writer.records):
            judge.feed(event)
        judge.end()
        return judge

    def accusations(self) -> list[str]:
        """The violations in words."""
        return [violation.explanation for violation in self.judged().violations]


@pytest.fixture
def story() -> Story:
    return Story()


def activated(story: Story) -> Story:
    story.scene.do("RMI_REALM_ACTIVATE", story.rd)
    story.tell()
    return story


def test_page_that_was_delegated_while_it_is_mapped(story: Story) -> None:
    page = story.scene.page()
    story.share(page)
    story.scene.do("RMI_GRANULE_DELEGATE", page)
    activated(story).aborts(GRANULE)
    judge = story.judged()
    assert judge.violations == []
    assert not judge.tally.replay.unjudged


def test_page_that_is_the_hosts_is_no_granule_fault(story: Story) -> None:
    story.share(story.scene.page())
    activated(story).aborts(GRANULE)
    [accusation] = story.accusations()
    assert accusation.startswith("wanted: the realm goes on after Access")


@pytest.mark.parametrize("pa", [SECURE_RAM, RMM], ids=["no-ram", "hole-in-ram"])
@pytest.mark.parametrize("esr", [GRANULE, GRANULE | ISV], ids=["right", "wrong"])
def test_page_of_which_nobody_knows_what_it_is(story: Story, pa: int, esr: int) -> None:
    """The exit is believed, if it is told as an exit must be."""
    story.share(pa)
    activated(story).aborts(esr | (1 << 9 if esr & ISV else 0))
    judge = story.judged()
    is_right = not esr & ISV
    assert (judge.violations == []) is is_right
    assert judge.tally.replay.unjudged[WHETHER_MEMORY] == is_right


def test_granule_fault_of_the_realms_own_memory_is_not_believed(story: Story) -> None:
    call = activated(story).enters()
    story.exits(call, esr=ABORT | GRANULE, hpfar=HEAP >> 8)
    assert len(story.accusations()) == 1


def test_the_next_entry_may_abort_what_was_believed(story: Story) -> None:
    story.share(SECURE_RAM)
    activated(story).aborts(GRANULE)
    call = story.enters(flags=tables().bitfield("RmiRecEnterFlags").encode(INJECT_SEA=1))
    story.exits(call, exit_reason=tables().enum("RmiRecExitReason")["IRQ"])
    assert story.accusations() == []


@pytest.mark.parametrize(("mem_attr", "is_right"), [(DEVICE, True), (NORMAL, False)])
def test_alignment_fault_is_of_device_memory(story: Story, mem_attr: int, is_right: bool) -> None:
    story.share(story.scene.page(), mem_attr=mem_attr)
    activated(story).aborts(ALIGNMENT, far=1)
    assert (story.accusations() == []) is is_right


@pytest.mark.parametrize("shows", [True, False], ids=["emulatable", "not-emulatable"])
@pytest.mark.parametrize("emulated", [True, False], ids=["taken", "refused"])
def test_write_to_a_read_only_page(story: Story, shows: bool, emulated: bool) -> None:
    """RMMs disagree whether it is emulatable; what they show is what they have to take."""
    story.share(story.scene.page(), s2ap=READ_ONLY)
    syndrome = ISV | SAS_8 | SF | WNR if shows else 0
    activated(story).aborts(PERMISSION | syndrome, far=8, value=0xCCA if shows else 0)
    call = story.enters(flags=EMULATE)
    if emulated:
        story.exits(call, exit_reason=tables().enum("RmiRecExitReason")["IRQ"])
    else:
        story.writer.back(call, ERROR_REC)
    assert (story.accusations() == []) is (shows is emulated)


def test_value_without_a_syndrome(story: Story) -> None:
    """The host may not see the register of a write that it cannot emulate."""
    story.share(story.scene.page(), s2ap=READ_ONLY)
    activated(story).aborts(PERMISSION, value=0xCCA)
    assert len(story.accusations()) == 1


@pytest.mark.parametrize("shown", ["zero", "pa", "other"])
def test_entry_of_destroyed_data(story: Story, shown: str) -> None:
    """RMI_RTT_READ_ENTRY shows 0 or the PA."""
    scene = story.scene
    scene.ram(story.rd, HEAP, HEAP + GRANULE_BYTES)
    scene.data(story.rd, HEAP)
    scene.do("RMI_DATA_DESTROY", story.rd, HEAP)
    data = scene.data(story.rd, HEAP)
    story.tell()
    entry = tables().enum("RmiRttEntryState")["ASSIGNED"]
    ripas = tables().enum("RmiRipas")["DESTROYED"]
    desc = {"zero": 0, "pa": data, "other": data + GRANULE_BYTES}[shown]
    call = story.writer.call("RMI_RTT_READ_ENTRY", story.rd, HEAP, 3)
    story.writer.back(call, 0, 3, entry, desc, ripas)
    assert (story.accusations() == []) is (shown != "other")


@pytest.mark.parametrize(
    ("x", "is_right"),
    [
        ((0, 0, 0, 0, 0, 0, 0, 7), True),
        ((0, 0, 0, 0, 4, 5, 6, 7), True),
        ((0, 0, 0, 3, 0, 0, 0, 7), False),
        ((0, 0, 0, 0, 0, 0, 9, 7), False),
        ((0, 0, 0, 0, 0, 0, 0, 0), False),
    ],
    ids=["zeroed", "kept", "argument", "foreign", "x7"],
)
def test_registers_after_a_psci_exit(story: Story, x: tuple[int, ...], is_right: bool) -> None:
    """x1..x3 are zero, x4..x6 zero or kept (the clauses disagree), x7 is kept."""
    activated(story)
    call, rec = story.enters(), story.rec
    suspend = story.writer.call(
        "PSCI_CPU_SUSPEND", *range(1, 8), state=Where.REALM, level=1, rec=rec
    )
    reason = tables().enum("RmiRecExitReason")["PSCI"]
    story.exits(call, exit_reason=reason, gprs=(fid("PSCI_CPU_SUSPEND"),))
    story.enters()
    story.writer.back(suspend, *x, state=Where.REALM, level=1, rec=rec)
    assert (story.accusations() == []) is is_right
