# SPDX-License-Identifier: BSD-3-Clause
"""Records become typed events."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.tap import Call, Event, Lost, Recording, Return, State, TapError, assemble
from harness.tap.layout import BAD_ADDRESS, NO_RAM, Line, Record
from harness.tests.tap_files import Writer, fid, structure
from harness.types import MASK64, Ipa, Pa


def events(writer: Writer) -> list[Event]:
    return list(assemble(writer.records))


def one_call(name: str | int, *args: int, state: State = State.NON_SECURE) -> Call:
    writer = Writer()
    writer.call(name, *args, state=state, level=1 if state == State.REALM else 2)
    [event] = events(writer)
    assert isinstance(event, Call)
    return event


def one_return(name: str | int, *values: int, args: tuple[int, ...] = ()) -> Return:
    writer = Writer()
    writer.back(writer.call(name, *args), *values)
    event = events(writer)[-1]
    assert isinstance(event, Return)
    return event


def test_addresses_are_of_their_space() -> None:
    args = one_call("RMI_DATA_CREATE", 0x1000, 0x2000, 0x3000, 0x4000, 1).args
    assert args == {"rd": 0x1000, "data": 0x2000, "ipa": 0x3000, "src": 0x4000, "flags": 1}
    assert {name: type(args[name]) for name in ("rd", "data", "src")} == dict.fromkeys(
        ("rd", "data", "src"), Pa
    )
    assert isinstance(args["ipa"], Ipa)


def test_addresses_of_a_realm_are_ipas() -> None:
    args = one_call("RSI_REALM_CONFIG", 0x8000_0000, state=State.REALM).args
    assert [type(value) for value in args.values()] == [Ipa]


def test_a_level_is_signed() -> None:
    assert one_call("RMI_RTT_CREATE", 1, 2, 3, MASK64).args["level"] == -1


def test_enumerations_print_their_names() -> None:
    done = one_return("RMI_RTT_READ_ENTRY", 0, 3, 1, 0x1000, 1)
    assert done.results["ripas"] == 1
    assert str(done.results["ripas"]) == "RAM"
    assert str(done.results["state"]) == "ASSIGNED"


@pytest.mark.parametrize(
    ("name", "x0", "status", "index"),
    [
        ("RMI_RTT_CREATE", 0, "RMI_SUCCESS", 0),
        ("RMI_RTT_CREATE", 0x304, "RMI_ERROR_RTT", 3),
        ("RMI_RTT_CREATE", MASK64, "NOT_SUPPORTED", 0),
        ("RSI_REALM_CONFIG", 1, "RSI_ERROR_INPUT", 0),
        ("RSI_ATTESTATION_TOKEN_CONTINUE", 3, "RSI_INCOMPLETE", 0),
        ("PSCI_CPU_ON", MASK64 - 3, "ALREADY_ON", 0),
        ("RMM_GTSI_DELEGATE", MASK64 - 1, "BAD_ADDR", 0),
        ("RMM_GTSI_DELEGATE", MASK64, "UNK", 0),
        (0xC400_0FFF, 0x12, "0x12", 0),
    ],
)
def test_status(name: str | int, x0: int, status: str, index: int) -> None:
    seen = one_return(name, x0).status
    assert (seen.name, seen.index, seen.x0) == (status, index, x0)
    assert seen.ok is (x0 == 0)


def test_an_unknown_function_id_is_an_event() -> None:
    call = one_call(0xC400_0FFF, 1, 2)
    assert (call.name, call.family, call.command) == ("SMC_C4000FFF", "SMC", None)
    assert call.args["x2"] == 2


def test_text_of_a_failed_call() -> None:
    done = one_return("RMI_RTT_DESTROY", 0x204, 0, 0x20_0000, args=(0x1000, 0x20_0000, 3))
    assert str(done) == (
        "#2 cpu 0 NON_SECURE EL2: RMI_RTT_DESTROY(rd=0x1000, ipa=0x200000, level=0x3)"
        " → RMI_ERROR_RTT(2) (rtt=0x0, top=0x200000)"
    )


def test_structures_are_decoded() -> None:
    writer = Writer()
    enter = structure("RmiRecEnter", flags=4, gprs=(7, 8))
    leave = structure("RmiRecExit", exit_reason=5, imm=9)
    call = writer.call("RMI_REC_ENTER", 0x1000, 0x4000_2000, memory=(0x4000_2000, enter))
    writer.back(call, 0, memory=(0x4000_2800, leave))
    seen = events(writer)
    assert isinstance(seen[0], Call)
    assert isinstance(seen[1], Return)
    assert seen[0].memory is not None
    assert (seen[0].memory.base, seen[0].memory.data) == (Pa(0x4000_2000), enter)
    assert seen[0].structure is not None
    assert seen[0].structure["flags"] == 4
    assert seen[1].structure is not None
    assert seen[1].structure["imm"] == 9
    assert "exit=HOST_CALL" in str(seen[1])


def test_an_empty_structure_keeps_its_place() -> None:
    writer = Writer()
    writer.call("RMI_REC_ENTER", 1, 0x4000_2000, memory=(0x4000_2000, bytes(0x800)))
    [call] = events(writer)
    assert isinstance(call, Call)
    assert call.memory is not None
    assert (call.memory.base, call.memory.data) == (0x4000_2000, bytes(0x800))


def test_what_is_missing_is_said() -> None:
    writer = Writer()
    writer.call("RMI_REC_ENTER", 1, 2, flags=NO_RAM)
    writer.call("RMI_REC_ENTER", 1, 2, flags=BAD_ADDRESS)
    first, second = events(writer)
    assert isinstance(first, Call)
    assert isinstance(second, Call)
    assert (first.missing, first.structure) == ("RAM was not shared", None)
    assert second.missing == "its structure is not in RAM"


def test_a_rec_returns_on_another_cpu() -> None:
    """What a realm waits for belongs to its REC, not to the CPU."""
    writer = Writer()
    realm = {"state": State.REALM, "level": 1}
    one = writer.call("RSI_HOST_CALL", 1, cpu=0, rec=0x1000, **realm)  # type: ignore[arg-type]
    two = writer.call("RSI_HOST_CALL", 2, cpu=0, rec=0x2000, **realm)  # type: ignore[arg-type]
    writer.back(one, 0, cpu=1, rec=0x1000, **realm)  # type: ignore[arg-type]
    writer.back(two, 0, cpu=0, rec=0x2000, **realm)  # type: ignore[arg-type]
    calls = [event.call for event in events(writer) if isinstance(event, Return)]
    assert [call.x[1] for call in calls if call] == [1, 2]


def test_a_call_that_never_returned_is_replaced() -> None:
    writer = Writer()
    writer.call("PSCI_CPU_OFF")
    later = writer.call("PSCI_VERSION")
    writer.back(later, 0x10001)
    done = events(writer)[-1]
    assert isinstance(done, Return)
    assert done.name == "PSCI_VERSION"


def test_a_return_without_its_call_says_so() -> None:
    writer = Writer()
    writer.back(7, 0)
    [done] = events(writer)
    assert isinstance(done, Return)
    assert (done.call, done.name, done.results) == (None, "", {})
    assert "return to 0x6000109c" in str(done)


def test_lost_records_are_events() -> None:
    writer = Writer()
    writer.call("PSCI_VERSION")
    writer.lose(5)
    writer.call("PSCI_VERSION")
    _, lost, _ = events(writer)
    assert isinstance(lost, Lost)
    assert str(lost) == "#7 5 records were lost here"


def test_losses_at_the_end_are_told(tmp_path: Path) -> None:
    writer = Writer()
    writer.call("PSCI_VERSION")
    path = writer.write(tmp_path / "x.tap", lost=3)
    *_, last = Recording(path)
    assert isinstance(last, Lost)
    assert last.count == 3


def test_a_gap_without_a_mark_is_an_error() -> None:
    writer = Writer()
    writer.call("PSCI_VERSION")
    writer.seq += 2
    writer.call("PSCI_VERSION")
    with pytest.raises(TapError, match="record 4 follows record 1: 2 are missing"):
        events(writer)


def without(writer: Writer, index: int) -> list[Record | Line]:
    """Leave a record out and number the rest as if it had never been."""
    kept = [record for n, record in enumerate(writer.records) if n != index]
    return [record._replace(seq=n + 1) for n, record in enumerate(kept)]


def test_a_line_that_is_missing_is_an_error() -> None:
    writer = Writer()
    writer.call("RMI_REC_ENTER", 1, 2, memory=(0x4000_0000, b"\x01" * 0x800))
    writer.call("PSCI_VERSION")
    with pytest.raises(TapError, match="lines of record 1 are missing"):
        list(assemble(without(writer, 5)))


def test_a_line_out_of_place_is_an_error() -> None:
    writer = Writer()
    writer.call("RMI_REC_ENTER", 1, 2, memory=(0x4000_0000, bytes(0x800)))
    with pytest.raises(TapError, match="is memory of record 1, out of its place"):
        list(assemble(without(writer, 0)))


def test_an_unknown_kind_is_an_error() -> None:
    writer = Writer()
    writer.call("PSCI_VERSION")
    [record] = writer.records
    with pytest.raises(TapError, match="of unknown kind 9"):
        list(assemble([record._replace(kind=9)]))


def test_the_rmm_does_not_return_from_its_answer() -> None:
    writer = Writer()
    writer.call(fid("RMM_RMI_REQ_COMPLETE"), 0, state=State.REALM)
    [call] = events(writer)
    assert isinstance(call, Call)
    assert call.args["result"] == (0, 0, 0, 0, 0)
