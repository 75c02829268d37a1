# SPDX-License-Identifier: BSD-3-Clause
"""What realms do in the model: accesses, waits, RSI, and how RECs come back."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.abi import codec, tables
from harness.errors import HarnessError
from harness.model import (
    Access,
    Activity,
    Continues,
    EnterVerdict,
    Exits,
    GicAccess,
    Hvc,
    Interrupt,
    Kind,
    Outcome,
    Ripas,
    Smc,
    Wait,
    act,
    as_seen,
    check,
    step,
)
from harness.model.platform import Platform
from harness.model.realm_side.access import translation_fault
from harness.model.scenarios import Scene
from harness.model.scenarios.good import ATTRIBUTES
from harness.realm.exits import DataAbort, InstructionAbort, RipasChangeExit, decode_exit
from harness.tests.model_kits import PAGES, PLAIN, RMM, SECURE, kit
from harness.types import GRANULE_BYTES

PAGE = GRANULE_BYTES
HEAP = kit().heap
BORDER = 1 << 39
DEVICE = BORDER + 0x108
ENTER = tables().bitfield("RmiRecEnterFlags")
EMULATE, SEA = ENTER.encode(EMUL_MMIO=1), ENTER.encode(INJECT_SEA=1)
REJECT = ENTER.encode(RIPAS_RESPONSE=1)
READ_ONLY = 0b110 << 2 | 1 << 6


class Guest:
    """A running realm with one REC, or two."""

    def __init__(self, *recs: int, platform: Platform = PLAIN) -> None:
        self.scene = Scene(kit(platform))
        self.rd, self.recs = self.scene.guest(*recs, activate=False)
        self.rec = self.recs[0]

    def start(self) -> Guest:
        self.scene.do("RMI_REALM_ACTIVATE", self.rd)
        self.enter()
        return self

    def enter(self, *, flags: int = 0, gprs: tuple[int, ...] = (), pe: int = 0) -> Outcome:
        page = self.scene.run_page(flags=flags, gprs=gprs)
        made = self.scene.call("RMI_REC_ENTER", self.rec, page, pe=pe)
        verdict, self.scene.state = step(self.scene.state, made)
        assert isinstance(verdict, EnterVerdict), verdict.explain()
        return verdict.entry

    def act(self, activity: Activity) -> Outcome:
        outcome, self.scene.state = act(self.scene.state, self.rec, activity)
        assert check(self.scene.state) == []
        return outcome

    def exit(self, activity: Activity) -> Exits:
        outcome = self.act(activity)
        assert isinstance(outcome, Exits)
        assert self.scene.state.recs[self.rec].running is None
        return outcome

    def goes_on(self, activity: Activity) -> Continues:
        outcome = self.act(activity)
        assert isinstance(outcome, Continues)
        return outcome

    def smc(self, name: str, *args: int, page: bytes = b"") -> Outcome:
        return self.act(self.scene.smc(name, *args, page=page))

    def result(self, name: str, *args: int) -> tuple[int | None, ...]:
        return registers(self.smc(name, *args))


def registers(outcome: Outcome) -> tuple[int | None, ...]:
    assert isinstance(outcome, Continues)
    assert outcome.verdict is not None
    return outcome.verdict.strict.x


Prepare = Callable[[Guest], None]


def ram(guest: Guest) -> None:
    guest.scene.ram(guest.rd, HEAP, HEAP + PAGE)


def assigned(guest: Guest) -> None:
    guest.scene.data(guest.rd, HEAP)


def usable(guest: Guest) -> None:
    ram(guest)
    assigned(guest)


def destroyed(guest: Guest) -> None:
    usable(guest)
    guest.scene.do("RMI_DATA_DESTROY", guest.rd, HEAP)


def assigned_destroyed(guest: Guest) -> None:
    destroyed(guest)
    assigned(guest)


def untouched(_guest: Guest) -> None:
    pass


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.lower())
class TestProtected:
    """The rows of exits.md 2 and 3 about the protected half."""

    @pytest.mark.parametrize("prepare", [untouched, assigned], ids=["unassigned", "assigned"])
    def test_empty_memory_aborts_in_the_realm(self, kind: Kind, prepare: Prepare) -> None:
        guest = Guest()
        prepare(guest)
        exception = guest.start().goes_on(Access(HEAP + 8, kind)).exception
        assert exception is not None
        assert exception.accepts((0x21 if kind is Kind.FETCH else 0x25) << 26 | 0x10)
        assert not exception.accepts(0x25 << 26 | 0x05)
        assert exception.ipa == HEAP + 8

    @pytest.mark.parametrize("prepare", [ram, destroyed, assigned_destroyed])
    def test_unusable_memory_exits(self, kind: Kind, prepare: Prepare) -> None:
        guest = Guest()
        prepare(guest)
        seen = guest.start().exit(Access(HEAP + 8, kind, value=1))
        ec = 0x20 if kind is Kind.FETCH else 0x24
        assert seen == Exits(0, {"esr": ec << 26 | 0x7, "hpfar": HEAP >> 8})
        assert guest.scene.state.recs[guest.rec].abort is None

    def test_usable_memory_is_used(self, kind: Kind) -> None:
        guest = Guest()
        usable(guest)
        assert guest.start().goes_on(Access(HEAP, kind)) == Continues()

    def test_beyond_the_ipa_space_stays_in_the_realm(self, kind: Kind) -> None:
        exception = Guest().start().goes_on(Access(1 << 40, kind)).exception
        assert exception is not None
        ec = 0x21 if kind is Kind.FETCH else 0x25
        assert exception.accepts(ec << 26)
        assert exception.accepts(ec << 26 | 0x10)


def test_level_of_the_fault_is_where_the_walk_ended() -> None:
    guest = Guest()
    guest.scene.tables(guest.rd, HEAP, 2)
    guest.scene.do("RMI_RTT_INIT_RIPAS", guest.rd, HEAP, HEAP + (2 << 20))
    assert guest.start().exit(Access(HEAP)).fields["esr"] & 0x3F == 0x6


def test_level_minus_one_has_its_own_code() -> None:
    assert translation_fault(-1) == 0b101011


def test_emulatable_read() -> None:
    guest = Guest().start()
    seen = guest.exit(Access(DEVICE, width_bytes=4, register_bits=32))
    assert seen.fields == {
        "esr": 0x24 << 26 | 1 << 24 | 2 << 22 | 0x05,
        "far": 0x108,
        "hpfar": BORDER >> 8,
    }
    assert seen.gprs == ()


def test_emulatable_write_shows_the_value_truncated() -> None:
    seen = Guest().start().exit(Access(DEVICE, Kind.WRITE, width_bytes=2, value=0x12345))
    assert seen.gprs == (0x2345,)
    assert seen.fields["esr"] & (1 << 6 | 1 << 15) == 1 << 6 | 1 << 15


@pytest.mark.parametrize(
    ("access", "word", "value"),
    [
        (Access(DEVICE, width_bytes=8), 1 << 63, 1 << 63),
        (Access(DEVICE, width_bytes=1), 0xFF80, 0x80),
        (Access(DEVICE, width_bytes=1, sign_extend=True), 0x80, 2**64 - 0x80),
        (Access(DEVICE, width_bytes=1, sign_extend=True, register_bits=32), 0x80, 2**32 - 0x80),
        (Access(DEVICE, width_bytes=2, sign_extend=True), 0x7FFF, 0x7FFF),
        (Access(DEVICE, Kind.WRITE), 5, None),
    ],
)
def test_emulation_gives_the_register_its_value(
    access: Access, word: int, value: int | None
) -> None:
    guest = Guest().start()
    guest.exit(access)
    assert guest.enter(flags=EMULATE, gprs=(word,)) == Continues(value=value)


def test_access_is_retried_without_a_flag() -> None:
    guest = Guest().start()
    guest.exit(Access(DEVICE))
    assert guest.enter() == Continues(retried=True)
    guest.exit(Access(DEVICE))


@pytest.mark.parametrize("flags", [SEA, SEA | EMULATE])
def test_sea_is_injected(flags: int) -> None:
    guest = Guest().start()
    guest.exit(Access(DEVICE))
    entry = guest.enter(flags=flags)
    assert isinstance(entry, Continues)
    assert entry.exception is not None
    assert entry.value is None


@pytest.mark.parametrize(
    ("access", "mapped"),
    [
        (Access(DEVICE, has_syndrome=False), None),
        (Access(DEVICE, Kind.WRITE), READ_ONLY),
        (Access(DEVICE, Kind.WRITE, has_syndrome=False), READ_ONLY),
        (Access(DEVICE, Kind.READ), ATTRIBUTES & ~(1 << 6)),
    ],
    ids=["no-syndrome", "read-only", "read-only-no-syndrome", "write-only"],
)
def test_abort_that_is_not_emulatable(access: Access, mapped: int | None) -> None:
    guest = Guest()
    if mapped is not None:
        guest.scene.tables(guest.rd, BORDER)
        guest.scene.do("RMI_RTT_MAP_UNPROTECTED", guest.rd, BORDER, 3, mapped)
    seen = guest.start().exit(access)
    assert not seen.fields["esr"] & 1 << 24
    assert seen.gprs == ()
    abort = guest.scene.state.recs[guest.rec].abort
    assert abort is not None
    assert not abort.is_emulatable


def shared(desc: int) -> Guest:
    """A realm with a page at the border, not yet activated."""
    guest = Guest()
    guest.scene.tables(guest.rd, BORDER)
    guest.scene.do("RMI_RTT_MAP_UNPROTECTED", guest.rd, BORDER, 3, desc)
    return guest


def refused(seen: Exits, fault_status: int) -> None:
    """The exit has this fault, its host cannot emulate, some RMMs let it."""
    assert (seen.fields["esr"], seen.gprs) == (0x24 << 26 | fault_status, ())
    assert seen.other is not None
    assert seen.other.fields["esr"] & (1 << 24 | 0x3F) == 1 << 24 | fault_status


@pytest.mark.parametrize("mem_attr", [*range(4), 0b101, 0b110, 0b111])
@pytest.mark.parametrize(
    ("access", "aligned"),
    [
        (Access(DEVICE), True),
        (Access(DEVICE, width_bytes=16), True),
        (Access(DEVICE + 1), False),
        (Access(DEVICE + 4, width_bytes=16), False),
        (Access(DEVICE, needs_normal=True), False),
    ],
    ids=["aligned", "pair", "unaligned", "unaligned-pair", "block"],
)
def test_device_memory_is_used_aligned(mem_attr: int, access: Access, aligned: bool) -> None:
    guest = shared(PAGES | mem_attr << 2 | 3 << 6).start()
    if aligned or mem_attr > 4:
        assert guest.goes_on(access) == Continues()
    else:
        refused(guest.exit(access), 0x21)


def test_memory_of_two_types_is_what_it_begins_with() -> None:
    guest = Guest()
    guest.scene.tables(guest.rd, BORDER)
    for number, mem_attr in enumerate((0b110, 0, 0b110)):
        desc = PAGES + number * PAGE | mem_attr << 2 | 3 << 6
        guest.scene.do("RMI_RTT_MAP_UNPROTECTED", guest.rd, BORDER + number * PAGE, 3, desc)
    guest.start()
    assert guest.goes_on(Access(BORDER + PAGE - 4)) == Continues()
    refused(guest.exit(Access(BORDER + 2 * PAGE - 4)), 0x21)


def test_type_of_memory_counts_before_the_right_to_write() -> None:
    guest = shared(PAGES | 1 << 6).start()
    refused(guest.exit(Access(DEVICE + 1, Kind.WRITE)), 0x21)
    guest.enter()
    refused(guest.exit(Access(DEVICE, Kind.WRITE)), 0x0F)


@pytest.mark.parametrize(
    ("pa", "foreign"),
    [(PAGES, False), (RMM, True), (SECURE, False)],
    ids=["dram", "realm-pas", "unknown"],
)
def test_shared_page_must_be_non_secure(pa: int, foreign: bool) -> None:
    """Where the model does not know what there is, the access goes on."""
    guest = shared(pa | ATTRIBUTES).start()
    if foreign:
        refused(guest.exit(Access(DEVICE)), 0x28)
    else:
        assert guest.goes_on(Access(DEVICE)) == Continues()


def test_shared_page_may_be_delegated() -> None:
    guest = shared(PAGES | ATTRIBUTES).start()
    guest.scene.do("RMI_GRANULE_DELEGATE", PAGES)
    refused(guest.exit(Access(DEVICE)), 0x28)
    guest.scene.do("RMI_GRANULE_UNDELEGATE", PAGES)
    guest.enter()
    assert guest.goes_on(Access(DEVICE)) == Continues()


def test_granule_behind_a_block() -> None:
    """The page that the access meets counts, not the first one of the block."""
    guest = Guest()
    guest.scene.tables(guest.rd, BORDER, 2)
    desc = PAGES | ATTRIBUTES
    guest.scene.do("RMI_RTT_MAP_UNPROTECTED", guest.rd, BORDER, 2, desc)
    guest.scene.do("RMI_GRANULE_DELEGATE", PAGES + 300 * PAGE)
    guest.start()
    assert guest.goes_on(Access(BORDER)) == Continues()
    refused(guest.exit(Access(BORDER + 300 * PAGE + 8)), 0x28)


@pytest.mark.parametrize("shows", [True, False])
def test_what_an_rmm_shows_of_a_permission_fault_it_must_take(shows: bool) -> None:
    guest = shared(READ_ONLY | PAGES).start()
    seen = guest.exit(Access(DEVICE, Kind.WRITE, value=7))
    assert seen.other is not None
    layout = codec("RmiRecExit")
    shown = seen.other if shows else seen
    record = layout.unpack(layout.encode(**shown.fields, gprs=shown.gprs))
    assert seen.mismatches(record) == []
    state = as_seen(guest.scene.state, guest.rec, seen, record)
    abort = state.recs[guest.rec].abort
    assert abort is not None
    assert abort.is_emulatable is shows
    assert check(state) == []


def test_shared_memory_is_used_but_not_executed() -> None:
    guest = Guest()
    guest.scene.tables(guest.rd, BORDER)
    guest.scene.do("RMI_RTT_MAP_UNPROTECTED", guest.rd, BORDER, 3, ATTRIBUTES)
    guest.start()
    assert guest.goes_on(Access(DEVICE)) == Continues()
    assert guest.goes_on(Access(DEVICE, Kind.FETCH)).exception is not None


def test_access_across_the_border_faults_at_the_page_that_is_missing() -> None:
    guest = Guest()
    guest.scene.ram(guest.rd, BORDER - PAGE, BORDER)
    guest.scene.data(guest.rd, BORDER - PAGE)
    seen = guest.start().exit(Access(BORDER - 4))
    assert seen.fields["hpfar"] == BORDER >> 8
    assert seen.unspecified["far"] == 0xFFF


def test_exit_is_compared_with_a_record() -> None:
    seen = Guest().start().exit(Access(DEVICE, Kind.WRITE, value=7))
    layout = codec("RmiRecExit")
    area = layout.encode(**seen.fields, gprs=(7,), cntv_ctl=5, gicv3_hcr=9)
    assert isinstance(decode_exit(area), DataAbort)
    assert seen.mismatches(layout.unpack(area)) == []
    il = layout.encode(**{**seen.fields, "esr": seen.fields["esr"] | 1 << 25}, gprs=(7,))
    assert seen.mismatches(layout.unpack(il)) == []
    wrong = layout.encode(**{**seen.fields, "far": 0}, gprs=(7, 8), exit_reason=1, imm=3)
    assert [line.split(":")[0] for line in seen.mismatches(layout.unpack(wrong))] == [
        "exit_reason",
        "far",
        "gprs",
        "imm",
    ]
    assert seen.reason_name == "SYNC"


def test_model_and_decoder_agree_on_kinds() -> None:
    layout = codec("RmiRecExit")
    guest = Guest()
    ram(guest)
    fetch = guest.start().exit(Access(HEAP, Kind.FETCH))
    assert isinstance(decode_exit(layout.encode(**fetch.fields)), InstructionAbort)
    guest.enter()
    seen = guest.exit(guest.scene.smc("RSI_IPA_STATE_SET", HEAP, HEAP + PAGE, 1, 0))
    record = layout.encode(exit_reason=seen.reason, **seen.fields)
    decoded = decode_exit(record)
    assert isinstance(decoded, RipasChangeExit)
    assert (decoded.base, decoded.top, decoded.ripas) == (HEAP, HEAP + PAGE, 1)


@pytest.mark.parametrize("is_wfe", [False, True], ids=["wfi", "wfe"])
def test_waits_exit_only_when_trapped(is_wfe: bool) -> None:
    guest = Guest().start()
    assert guest.goes_on(Wait(is_wfe)) == Continues()
    guest.exit(Interrupt())
    other, own = ENTER.encode(TRAP_WFI=1), ENTER.encode(TRAP_WFE=1)
    if not is_wfe:
        other, own = own, other
    guest.enter(flags=other)
    assert guest.goes_on(Wait(is_wfe)) == Continues()
    guest.exit(Interrupt())
    guest.enter(flags=own)
    assert guest.exit(Wait(is_wfe)).fields == {"esr": 1 << 26 | is_wfe}


def test_machine_without_wfe_traps() -> None:
    guest = Guest(platform=replace(PLAIN, traps_wfe=False)).start()
    guest.exit(Interrupt())
    guest.enter(flags=ENTER.encode(TRAP_WFE=1))
    assert guest.goes_on(Wait(is_wfe=True)) == Continues()


@pytest.mark.parametrize(("is_fiq", "name"), [(False, "IRQ"), (True, "FIQ")])
def test_interrupts_exit_with_nothing(is_fiq: bool, name: str) -> None:
    seen = Guest().start().exit(Interrupt(is_fiq))
    assert (seen.reason_name, seen.fields, seen.gprs) == (name, {}, ())


def test_gic_register_write_and_read() -> None:
    guest = Guest().start()
    assert guest.exit(GicAccess(0x0018_2C16, 0x77)).gprs == (0x77,)
    assert guest.enter(gprs=(5,)) == Continues()
    assert guest.exit(GicAccess(0x0018_2C17)).gprs == ()
    assert guest.enter(gprs=(5,)) == Continues(value=5)


def test_hvc_is_undefined() -> None:
    exception = Guest().start().goes_on(Hvc()).exception
    assert exception is not None
    assert exception.accepts(0)


@pytest.mark.parametrize("fid", [0, 0xC400_0150, 0xC400_01AF, 0x8400_0003])
def test_other_smcs_are_not_supported(fid: int) -> None:
    assert registers(Guest().start().act(Smc((fid,)))) == (2**64 - 1,)


def test_only_a_running_rec_acts() -> None:
    guest = Guest()
    with pytest.raises(HarnessError, match="no REC runs"):
        guest.act(Hvc())
    with pytest.raises(HarnessError, match="no REC runs"):
        act(guest.scene.state, 5, Hvc())


class TestRsi:
    """RSI results."""

    def test_version_and_features(self) -> None:
        guest = Guest().start()
        assert guest.result("RSI_VERSION", 0x1_0000) == (0, 0x1_0000, 0x1_0000)
        assert guest.result("RSI_VERSION", 0x1_0001) == (1, 0x1_0000, 0x1_0000)
        assert guest.result("RSI_FEATURES", 3) == (0, 0)

    def test_measurements(self) -> None:
        guest = Guest().start()
        value = bytes(range(64))
        words = struct.unpack("<8Q", value)
        assert guest.result("RSI_MEASUREMENT_EXTEND", 2, 5, *words) == (0,)
        rem = hashlib.sha256(bytes(32) + value[:5]).digest()
        wanted = struct.unpack("<8Q", rem.ljust(64, b"\0"))
        assert guest.result("RSI_MEASUREMENT_READ", 2) == (0, *wanted)
        assert guest.result("RSI_MEASUREMENT_READ", 1) == (0, *[0] * 8)
        rim = guest.scene.of(guest.rd).rim
        assert guest.result("RSI_MEASUREMENT_READ", 0) == (0, *struct.unpack("<8Q", rim))

    def test_realm_config(self) -> None:
        guest = Guest()
        usable(guest)
        outcome = guest.start().smc("RSI_REALM_CONFIG", HEAP)
        assert isinstance(outcome, Continues)
        assert outcome.written is not None
        ipa, page = outcome.written
        assert (ipa, page[0], len(page)) == (HEAP, 40, PAGE)

    @pytest.mark.parametrize("name", ["RSI_REALM_CONFIG", "RSI_HOST_CALL"])
    @pytest.mark.parametrize("prepare", [ram, destroyed])
    def test_missing_page_exits_as_a_data_abort(self, name: str, prepare: Prepare) -> None:
        guest = Guest()
        prepare(guest)
        seen = guest.start().smc(name, HEAP + 0x100 * (name == "RSI_HOST_CALL"))
        assert seen == Exits(0, {"esr": 0x24 << 26 | 0x7, "hpfar": HEAP >> 8})
        assert guest.enter() == Continues()

    def test_ipa_state_get_finds_the_extent(self) -> None:
        guest = Guest()
        guest.scene.ram(guest.rd, HEAP, HEAP + 3 * PAGE)
        guest.start()
        assert guest.result("RSI_IPA_STATE_GET", HEAP, HEAP + 8 * PAGE) == (0, HEAP + 3 * PAGE, 1)
        assert guest.result("RSI_IPA_STATE_GET", HEAP, HEAP + PAGE) == (0, HEAP + PAGE, 1)
        end = HEAP + (2 << 20)
        assert guest.result("RSI_IPA_STATE_GET", HEAP + 3 * PAGE, 1 << 39) == (0, end, 0)
        inside = HEAP + (2 << 20) + PAGE
        assert guest.result("RSI_IPA_STATE_GET", inside, inside + PAGE) == (0, inside + PAGE, 0)

    def test_ipa_state_get_stops_at_a_table(self) -> None:
        guest = Guest()
        guest.scene.tables(guest.rd, HEAP + (2 << 20), 3)
        guest.start()
        assert guest.result("RSI_IPA_STATE_GET", HEAP, 1 << 39) == (0, HEAP + (2 << 20), 0)

    @pytest.mark.parametrize(
        ("ripas", "done", "flags", "response"),
        [
            (Ripas.RAM, 0, 0, 0),
            (Ripas.RAM, 0, REJECT, 1),
            (Ripas.RAM, 1, REJECT, 1),
            (Ripas.RAM, 2, REJECT, 0),
            (Ripas.EMPTY, 0, REJECT, 0),
        ],
    )
    def test_ipa_state_set(self, ripas: Ripas, done: int, flags: int, response: int) -> None:
        guest = Guest()
        guest.scene.tables(guest.rd, HEAP)
        seen = guest.start().smc("RSI_IPA_STATE_SET", HEAP, HEAP + 2 * PAGE, ripas, 0)
        assert isinstance(seen, Exits)
        assert seen.fields == {
            "ripas_base": HEAP,
            "ripas_top": HEAP + 2 * PAGE,
            "ripas_value": ripas,
        }
        reached = HEAP + done * PAGE
        if done:
            guest.scene.do("RMI_RTT_SET_RIPAS", guest.rd, guest.rec, HEAP, reached)
        assert registers(guest.enter(flags=flags)) == (0, reached, response)

    def test_reserved_flag_is_ignored_unless_the_rmm_checks_it(self) -> None:
        ask = ("RSI_IPA_STATE_SET", HEAP, HEAP + PAGE, 1, 2)
        assert isinstance(Guest().start().smc(*ask), Exits)
        strict = Guest(platform=replace(PLAIN, unchecked=frozenset())).start()
        assert registers(strict.smc(*ask)) == (1,)

    def test_host_call_takes_and_gives_registers(self) -> None:
        guest = Guest()
        usable(guest)
        page = codec("RsiHostCall").encode(imm=0xCCA, gprs=(1, 2))
        seen = guest.start().smc("RSI_HOST_CALL", HEAP + 0x100, page=page)
        assert isinstance(seen, Exits)
        assert (seen.fields, seen.gprs[:3]) == ({"imm": 0xCCA}, (1, 2, 0))
        entry = guest.enter(gprs=tuple(range(31)))
        assert registers(entry) == (0,)
        assert isinstance(entry, Continues)
        assert entry.written == (HEAP + 0x108, struct.pack("<31Q", *range(31)))

    def test_host_call_whose_page_went_away_does_not_run(self) -> None:
        guest = Guest()
        usable(guest)
        assert isinstance(guest.start().smc("RSI_HOST_CALL", HEAP), Exits)
        guest.scene.do("RMI_DATA_DESTROY", guest.rd, HEAP)
        before = guest.scene.state
        assert guest.enter() == Exits(0, {"esr": 0x24 << 26 | 0x7, "hpfar": HEAP >> 8})
        assert guest.scene.state is before

    def test_host_call_whose_page_became_empty_fails(self) -> None:
        guest = Guest(1, 1)
        usable(guest)
        assert isinstance(guest.start().smc("RSI_HOST_CALL", HEAP), Exits)
        other = guest.recs[1]
        guest.scene.run(other, guest.scene.smc("RSI_IPA_STATE_SET", HEAP, HEAP + PAGE, 0, 0))
        guest.scene.do("RMI_RTT_SET_RIPAS", guest.rd, other, HEAP, HEAP + PAGE)
        assert registers(guest.enter()) == (1,)

    def test_token(self) -> None:
        guest = Guest()
        usable(guest)
        guest.start()
        more = ("RSI_ATTESTATION_TOKEN_CONTINUE", HEAP, 0, PAGE)
        assert guest.result(*more) == (2,)
        assert guest.result("RSI_ATTESTATION_TOKEN_INIT", 1, 2) == (0, None)
        for statuses in ({0, 3, 4}, {0, 2, 3, 4}):
            outcome = guest.smc(*more)
            assert isinstance(outcome, Continues)
            assert outcome.verdict is not None
            assert {answer.x[0] for answer in outcome.verdict.acceptable} == statuses
