# SPDX-License-Identifier: BSD-3-Clause
"""Driving the payload: commands into registers, exits on the way, reports out of registers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.abi import Value, codec, tables
from harness.elf import ElfFile, ElfFormatError
from harness.errors import AbiError, RealmError
from harness.realm import (
    Exit,
    Guest,
    GuestRealm,
    IrqExit,
    PayloadImage,
    Realm,
    RealmConfig,
    Rec,
    Reentry,
    Report,
    a64,
    payload,
)
from harness.realm.payload import register_pattern
from harness.rmi import CommandFailed, EnterFlags
from harness.tests.fake_host import FakeHost, Words, new_world
from harness.types import MASK64, Ipa, Pa

OPS = tables().enum("PayloadOp")
IRQ = codec("RmiRecExit").encode(exit_reason=1)
PSCI = codec("RmiRecExit").encode(exit_reason=3)
NONE = (31, 0)


def report(imm: int = 0xCCA, /, **fields: Value) -> bytes:
    """An exit area with the payload's report."""
    raw = codec("PayloadReport").encode(**fields)
    words = tuple(int.from_bytes(raw[at : at + 8], "little") for at in range(0, len(raw), 8))
    return codec("RmiRecExit").encode(exit_reason=5, imm=imm, gprs=words)


class Rig:
    """A guest on a REC that only seems to exist; ``entered`` is what the entries handed over."""

    def __init__(self, *areas: bytes) -> None:
        self.host = FakeHost()
        world = new_world(self.host)
        self.guest = Guest(Rec(world, Pa(0x5000), (), world.page(), 0, b""))
        self.entered: list[dict[str, Value]] = []
        store = self.host.exits(*areas)

        def enter(rec: int, run: int) -> Words:
            self.entered.append(codec("RmiRecEnter").unpack(self.host.memory[run]))
            return store(rec, run)

        self.host.answers["RMI_REC_ENTER"] = enter

    def handed(self, entry: int, count: int) -> tuple[int, ...]:
        """The first registers of an entry; the others must be zero."""
        gprs = self.entered[entry]["gprs"]
        assert isinstance(gprs, tuple)
        assert not any(gprs[count:])
        return gprs[:count]


def test_report_has_every_field_of_its_structure() -> None:
    wanted: dict[str, Value] = {
        "sequence": 1,
        "status": 0,
        "values": tuple(range(100, 117)),
        "exceptions": 2,
        "esr": 3,
        "far": 4,
        "elr": 5,
        "vector": 6,
        "irqs": 7,
        "last_intid": 8,
    }
    seen = Rig(report(**wanted)).guest.boot()
    assert {name: getattr(seen, name) for name in wanted} == wanted
    assert seen.value == 100


@pytest.mark.parametrize(
    ("status", "esr", "properties"),
    [
        (0, 0, {"ok"}),
        (1, 0, {"took_exception", "is_undefined"}),
        (1, 0x25 << 26 | 0x10, {"took_exception", "is_external_abort"}),
        (1, 0x21 << 26 | 0x10, {"took_exception", "is_external_abort"}),
        (1, 0x25 << 26 | 0x00, {"took_exception", "is_address_size_fault"}),
        (1, 0x25 << 26 | 0x07, {"took_exception"}),
        (1, 0x24 << 26 | 0x10, {"took_exception"}),
        (0, 0x25 << 26 | 0x10, {"ok"}),
        (2, 0, set()),
    ],
)
def test_report_in_words(status: int, esr: int, properties: set[str]) -> None:
    seen = Rig(report(status=status, esr=esr)).guest.boot()
    asked = (
        "ok",
        "took_exception",
        "is_external_abort",
        "is_address_size_fault",
        "is_undefined",
    )
    assert {name for name in asked if getattr(seen, name)} == properties
    assert seen.ec == esr >> 26


class OneFunction(ElfFile):
    """Knows one function, or is broken."""

    def describe(self, address: int) -> str | None:
        if address == BROKEN:
            raise ElfFormatError("broken")
        return f"op_read+{address - 0x10000:#x} op_memory.c:16" if address >= 0x10000 else None


BROKEN = 0xBAD
ABORT = {"exceptions": 1, "esr": 0x96000010, "far": 0x4000_0000, "vector": 0x200}
ABORT_SHOWN = "values=(), exceptions=1, vector=0x200, esr=0x96000010, far=0x40000000"


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"values": (16, 0, 17)}, "values=(0x10, 0x0, 0x11)"),
        ({"irqs": 2, "last_intid": 27}, "values=(), irqs=2, last_intid=27"),
        (
            {**ABORT, "elr": 0x10008},
            f"{ABORT_SHOWN}, elr=0x10008, at op_read+0x8 op_memory.c:16",
        ),
        ({**ABORT, "elr": 0x8000}, f"{ABORT_SHOWN}, elr=0x8000"),
        ({**ABORT, "elr": BROKEN}, f"{ABORT_SHOWN}, elr={BROKEN:#x}"),
    ],
)
def test_failed_assertion_shows_where_the_payload_was(fields: dict[str, Value], shown: str) -> None:
    rig = Rig(report(sequence=7, status=1, **fields))
    rig.guest.elf = OneFunction(Path("payload.elf"))
    assert repr(rig.guest.boot()) == f"Report(sequence=7, status=1, {shown})"


def test_report_without_symbols_is_shown_too() -> None:
    seen = Rig(report(**ABORT, elr=0x10008)).guest.boot()
    assert seen.where == ""
    assert repr(seen).endswith("elr=0x10008)")


@pytest.mark.parametrize(
    ("area", "text"),
    [
        (IRQ, r"seen IrqExit\(exit_reason=0x1\)"),
        (report(0xCCB), r"seen HostCallExit\(.*imm=0xccb\)"),
    ],
)
def test_exit_that_is_no_report(area: bytes, text: str) -> None:
    with pytest.raises(RealmError, match=f"wanted the payload's report, {text}"):
        Rig(area).guest.boot()
    with pytest.raises(RealmError, match=f"wanted the payload's report, {text}"):
        Report.of(Rig(area).guest.resume())


@pytest.mark.parametrize(
    ("run", "handed"),
    [
        (lambda g: g.hello(), (OPS["HELLO"],)),
        (lambda g: g.read(Ipa(0x7000)), (OPS["READ"], 0x7000, 8)),
        (lambda g: g.write(0x7000, -1, 4), (OPS["WRITE"], 0x7000, 4, MASK64)),
        (lambda g: g.run("FILL", 1, 2, 3), (OPS["FILL"], 1, 2, 3)),
        (lambda g: g.execute(a64.NOP), (OPS["EXECUTE"], a64.NOP, *NONE, *NONE, *NONE)),
        (
            lambda g: g.execute(a64.NOP, [(3, 0x30), (4, 0x40)]),
            (OPS["EXECUTE"], a64.NOP, 3, 0x30, 4, 0x40, *NONE),
        ),
        (lambda g: g.smc_in_realm(1, 2, 3), (OPS["SMC"], 1, 2, 3)),
        (lambda g: g.submit_smc("PSCI_CPU_ON", 5), (OPS["SMC"], 0xC400_0003, 5)),
        (
            lambda g: g.read_sysreg("MPIDR_EL1"),
            (OPS["EXECUTE"], 0xD538_00A0, 0, 0, *NONE, *NONE),
        ),
        (
            lambda g: g.write_sysreg("TPIDR_EL0", 9),
            (OPS["EXECUTE"], 0xD51B_D040, 0, 9, *NONE, *NONE),
        ),
    ],
)
def test_command_is_handed_over_in_registers(
    run: Callable[[Guest], object], handed: tuple[int, ...]
) -> None:
    rig = Rig(report())
    run(rig.guest)
    assert rig.handed(0, len(handed)) == handed


def test_unknown_command() -> None:
    with pytest.raises(AbiError, match="no payload command named TUCH\nhint: did you mean TOUCH"):
        Rig().guest.run("TUCH")


def test_flags_and_interrupts_of_an_entry() -> None:
    rig = Rig(IRQ)
    seen = rig.guest.submit(
        "NOP", flags=EnterFlags.EMUL_MMIO, gicv3_hcr=2, gicv3_lrs=(1 << 62 | 27,)
    )
    assert isinstance(seen, IrqExit)
    assert (rig.entered[0]["flags"], rig.entered[0]["gicv3_hcr"]) == (1, 2)
    assert rig.entered[0]["gicv3_lrs"] == (1 << 62 | 27, *[0] * 15)


def test_handler_decides_how_to_go_on() -> None:
    rig = Rig(IRQ, IRQ, report(values=(42,)))
    ways = [Reentry(flags=4, gprs=(7,)), None]
    seen: list[Exit] = []

    def handler(exit_: Exit) -> Reentry | None:
        seen.append(exit_)
        return ways.pop(0)

    assert rig.guest.run("NOP", 1, handler=handler).value == 42
    assert [type(exit_) for exit_ in seen] == [IrqExit, IrqExit]
    assert rig.handed(0, 2) == (OPS["NOP"], 1)
    assert (rig.entered[1]["flags"], rig.handed(1, 1)) == (4, (7,))
    assert (rig.entered[2]["flags"], rig.handed(2, 0)) == (0, ())


def test_exits_without_end() -> None:
    rig = Rig(*[IRQ] * 10_001)
    with pytest.raises(RealmError, match="no report after 10000 exits, the last one IrqExit"):
        rig.guest.boot(handler=lambda _: None)


def test_rsi_goes_through_the_payload() -> None:
    rig = Rig(report(values=(0, 0x1_0000, 0x1_0000)))
    result = rig.guest.rsi.version(0x1_0000)
    assert rig.handed(0, 3) == (OPS["SMC"], 0xC400_0190, 0x1_0000)
    assert (result.status, result.higher) == ("RSI_SUCCESS", 0x1_0000)


def test_call_that_exits_is_finished_later() -> None:
    rig = Rig(PSCI, report(values=(MASK64 - 3,)))
    rig.guest.submit_smc("PSCI_CPU_ON", 1)
    result = rig.guest.finish_smc("PSCI_CPU_ON", 1)
    assert (result.command.name, result.x[0]) == ("PSCI_CPU_ON", MASK64 - 3)


def test_command_left_running_on_another_pe() -> None:
    rig = Rig(report(values=(9,)))
    rig.guest.pe = 1
    running = rig.guest.start("SPIN", 100)
    assert rig.host.log[-1].pe == 1
    assert rig.handed(0, 2) == (OPS["SPIN"], 100)
    assert Report.of(rig.guest.collect(running)).value == 9


def test_command_left_running_that_was_refused() -> None:
    rig = Rig()
    rig.host.answers["RMI_REC_ENTER"] = [(3,)]
    with pytest.raises(CommandFailed, match=r"RMI_REC_ENTER.*RMI_ERROR_REC"):
        rig.guest.collect(rig.guest.start("NOP"))


def guest_realm(*areas: bytes) -> tuple[FakeHost, GuestRealm]:
    host = FakeHost()
    realm = Realm.create(new_world(host), RealmConfig(ipa_width=32, num_bps=1, num_wps=1))
    guests = [Guest(realm.add_rec()) for _ in range(2)]
    host.answers["RMI_REC_ENTER"] = host.exits(*areas)
    image = PayloadImage(Ipa(0x1_0000), b"", Ipa(0x2_0000), Ipa(0x1_0000), Ipa(0x1_0040))
    return host, GuestRealm(realm, image, guests)


def test_second_rec_is_switched_on_by_the_first() -> None:
    host, subject = guest_realm(PSCI, report(), report(values=(1,)))
    assert subject.power_on(1, context=5) is subject.guests[1]
    recs = subject.realm.recs
    assert host.asked_of("RMI_PSCI_COMPLETE") == [(recs[0].pa, recs[1].pa, 0)]
    assert [call[0] for call in host.asked_of("RMI_REC_ENTER")] == [
        recs[0].pa,
        recs[0].pa,
        recs[1].pa,
    ]


def test_second_rec_without_the_exit_that_it_takes() -> None:
    _, subject = guest_realm(report())
    with pytest.raises(RealmError, match=r"wanted the exit of PSCI CPU_ON, seen HostCallExit"):
        subject.power_on(1)


def test_image_is_cut_into_granules() -> None:
    image = PayloadImage(Ipa(0x1_0000), b"\x11" * 4100, Ipa(0x1_3000), Ipa(0), Ipa(0))
    assert image.pages() == [
        (0x1_0000, b"\x11" * 4096),
        (0x1_1000, b"\x11" * 4 + bytes(4092)),
        (0x1_2000, None),
    ]


def test_granules_of_recs_that_do_not_exist_are_left_out() -> None:
    state = range(0x1_0800, 0x1_8800)
    image = PayloadImage(Ipa(0x1_0000), b"", Ipa(0x1_9000), Ipa(0), Ipa(0), state)
    assert [ipa for ipa, _ in image.pages(recs=2)] == [0x1_0000, 0x1_1000, 0x1_8000]
    assert len(image.pages()) == 9


def test_image_is_placed_by_its_symbols(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = {"payload_start": 0x1_0000, "payload_end": 0x1_2340, "secondary_entry": 0x1_0080}
    at |= {"recs": 0x1_1000}
    monkeypatch.setattr(
        payload,
        "ElfFile",
        lambda _path: SimpleNamespace(
            symbol=lambda name: SimpleNamespace(address=at[name], size_bytes=0x800)
        ),
    )
    (tmp_path / "payload.bin").write_bytes(b"code")
    image = PayloadImage.load(tmp_path / "payload.bin", tmp_path / "payload.elf")
    assert image == PayloadImage(
        Ipa(0x1_0000),
        b"code",
        Ipa(0x1_3000),
        Ipa(0x1_0000),
        Ipa(0x1_0080),
        range(0x1_1000, 0x1_1800),
    )


def test_register_pattern() -> None:
    pattern = register_pattern()
    assert len(pattern) == 31
    assert pattern[0] == 0x0101_0101_0101_0101
    assert pattern[30] == 0x0101_0101_0101_0101 * 31
