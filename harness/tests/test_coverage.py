# SPDX-License-Identifier: BSD-3-Clause
"""ABI coverage: what counts as asserted, what is out of reach, what pages and totals say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import coverage
from harness.abi import Value, codec, tables
from harness.coverage import SUCCESS, Cell, Tally, cells, load_unreachable, page, rows
from harness.coverage.tally import shown_percent
from harness.coverage.unreachable import reasons
from harness.errors import AbiError
from harness.realm.exits import decode_exit
from harness.rmi import ExitReason, Fails, Result, Ripas, Succeeds

ROOT = Path(__file__).resolve().parents[2]
DELEGATE = "RMI_GRANULE_DELEGATE"
SET_RIPAS = "RMI_RTT_SET_RIPAS"


@pytest.fixture
def collecting() -> Iterator[None]:
    coverage.begin()
    yield
    coverage.take()


def exit_area(reason: str, **fields: Value) -> bytes:
    return codec("RmiRecExit").encode(exit_reason=int(ExitReason[reason]), **fields)


def result(x0: int, name: str = DELEGATE) -> Result:
    return Result(tables().command(name), (0,), (x0, 0, 0, 0))


@pytest.mark.usefixtures("collecting")
def test_comparison_that_matches_is_booked() -> None:
    assert result(0) == Succeeds()
    assert Fails("gran_align") == result(1)
    assert coverage.take() == [Cell(DELEGATE, "gran_align"), Cell(DELEGATE, SUCCESS)]


@pytest.mark.usefixtures("collecting")
def test_comparison_that_does_not_match_is_not() -> None:
    assert result(1) != Succeeds()
    assert result(0) != Fails("gran_align")
    assert coverage.take() == []


def test_nothing_is_kept_while_nobody_collects() -> None:
    coverage.record(DELEGATE)
    decode_exit(exit_area("IRQ"))
    assert coverage.take() == []


@pytest.mark.usefixtures("collecting")
def test_a_judge_names_command_and_condition() -> None:
    coverage.record(DELEGATE, "gran_state")
    coverage.record(DELEGATE)
    coverage.record(DELEGATE, SUCCESS)
    coverage.record("0xc4000156", None)
    coverage.record("PSCI_CPU_ON", None)
    with pytest.raises(AbiError, match="no failure condition of RMI_GRANULE_DELEGATE named gran"):
        coverage.record(DELEGATE, "gran")
    assert coverage.take() == [Cell(DELEGATE, "gran_state"), Cell(DELEGATE, SUCCESS)]


def test_every_condition_of_both_tables_is_a_cell() -> None:
    for command in tables().commands.values():
        if command.name.startswith(("RMI_", "RSI_")):
            wanted = {SUCCESS, *(c.id for c in command.failures)}
            assert {r.cell.case for r in rows() if r.cell.subject == command.name} == wanted


def test_exits_are_named_by_the_tables() -> None:
    assert set(cells.EXIT_KINDS) == {reason.name for reason in ExitReason}
    for name in cells.EXIT_KINDS["PSCI"]:
        assert tables().command(name).may_exit
    exiting = {c.name for c in tables().commands.values() if c.name.startswith("PSCI_")}
    assert {n for n in exiting if tables().command(n).may_exit} == set(cells.EXIT_KINDS["PSCI"])


ABORT = 0x24 << 26
EXITS: list[tuple[str, dict[str, Value], str | None]] = [
    ("SYNC", {"esr": ABORT | 1 << 24 | 0b0111}, "data abort, emulatable read"),
    ("SYNC", {"esr": ABORT | 1 << 24 | 1 << 6 | 0b0111}, "data abort, emulatable write"),
    ("SYNC", {"esr": ABORT | 0b0111}, "data abort, not emulatable, translation fault"),
    ("SYNC", {"esr": ABORT | 0b1111}, "data abort, not emulatable, permission fault"),
    ("SYNC", {"esr": ABORT | 0x10}, "external abort"),
    ("SYNC", {"esr": 0x20 << 26 | 0b0111}, "instruction abort"),
    ("SYNC", {"esr": 0x20 << 26 | 0x10}, "external abort"),
    ("SYNC", {"esr": 0x01 << 26}, "WFI"),
    ("SYNC", {"esr": 0x01 << 26 | 1}, "WFE"),
    ("SYNC", {"esr": 0x18 << 26 | 1}, "system register read"),
    ("SYNC", {"esr": 0x18 << 26}, "system register write"),
    ("SYNC", {"esr": 0}, None),
    ("IRQ", {}, "IRQ"),
    ("FIQ", {}, "FIQ"),
    ("SERROR", {}, "SError"),
    ("HOST_CALL", {}, "host call"),
    ("PSCI", {"gprs": (0xC400_0003,)}, "PSCI_CPU_ON"),
    ("PSCI", {"gprs": (1,)}, None),
    ("RIPAS_CHANGE", {"ripas_value": int(Ripas.RAM)}, "to RAM"),
    ("RIPAS_CHANGE", {"ripas_value": 9}, None),
]


@pytest.mark.parametrize(("reason", "fields", "kind"), EXITS)
def test_kind_of_an_exit(reason: str, fields: dict[str, Value], kind: str | None) -> None:
    area = exit_area(reason, **fields)
    seen = coverage.exit_cell(codec("RmiRecExit").unpack(area))
    assert seen == (None if kind is None else Cell(reason, kind))


@pytest.mark.usefixtures("collecting")
def test_exit_that_is_no_cell_is_left_out() -> None:
    decode_exit(exit_area("PSCI", gprs=(tables().command("PSCI_FEATURES").fid,)))
    decode_exit(exit_area("IRQ"))
    assert coverage.take() == [Cell("IRQ", "IRQ")]


def unreachable(folder: Path, text: str) -> Path:
    path = folder / "unreachable.toml"
    path.write_text(f'[[unreachable]]\nreason = "so"\n{text}\n')
    return path


def test_entry_depends_on_capabilities(tmp_path: Path) -> None:
    path = unreachable(
        tmp_path, f'command = "{DELEGATE}"\ncondition = "gran_*"\nwithout = "a"\nwith = "b"'
    )
    entries = load_unreachable(path)
    found = reasons(entries, {"b"})
    assert set(found.values()) == {"so"}
    assert Cell(DELEGATE, "gran_gpt") in found
    assert Cell(DELEGATE, SUCCESS) not in found
    assert reasons(entries, {"a", "b"}) == reasons(entries, set()) == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('command = "RMI_NONE"\ncondition = "*"', "there is no such command, condition or exit"),
        (f'command = "{DELEGATE}"\ncondition = "rd"', "there is no such command"),
        (f'command = "{DELEGATE}"', "condition is missing"),
        (f'command = "{DELEGATE}"\ncondition = "*"\nwithot = "a"', "no key withot"),
    ],
)
def test_wrong_entry_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(AbiError, match=complaint):
        load_unreachable(unreachable(tmp_path, text))


def test_file_of_the_tree_is_in_order() -> None:
    entries = load_unreachable(ROOT / "testcases" / "unreachable.toml")
    assert all(entry.reason for entry in entries)
    assert reasons(entries, {"realms", "granules", "features"})


def test_cells_out_of_reach_do_not_count_unless_covered() -> None:
    cell = Cell(DELEGATE, SUCCESS)
    everything = Tally().totals()
    without = Tally({cell: "so"})
    assert without.totals().reachable == everything.reachable - 1
    assert without.totals().unreachable == 1
    without.add("test_a", [cell])
    assert without.totals().reachable == everything.reachable
    assert without.totals().covered == 1
    assert without.refuted() == [cell]


def test_all_covered_is_100_percent_and_nothing_less_is() -> None:
    tally = Tally()
    tally.add("test_a", [row.cell for row in rows()[1:]])
    assert tally.totals("RSI").percent == 100
    assert tally.totals().percent < 100
    assert [row.cell for row in tally.uncovered()] == [rows()[0].cell]
    tally.add("test_b", [rows()[0].cell])
    assert tally.totals().percent == 100
    assert shown_percent(99.99) == "99.9 %"
    assert shown_percent(100) == "100.0 %"


def test_page_names_tests_reasons_and_gaps() -> None:
    tally = Tally({Cell(SET_RIPAS, "rd_align"): "because <so>"})
    tally.add("test_a.py::test_<it>", [Cell(DELEGATE, SUCCESS)])
    for number in range(50):
        tally.add(f"test_{number}", [Cell("IRQ", "IRQ")])
    html = page.render(tally, {"stack": "fake"})
    assert "<summary>1 test</summary><ul><li><code>test_a.py::test_&lt;it&gt;</code>" in html
    assert "out of reach: because &lt;so&gt;" in html
    assert "and 10 more (coverage.json)" in html
    assert '<tr class="uncovered"><td>gran_align</td><td>RMI_ERROR_INPUT' in html
    assert "<code>fake</code>" in html


def test_json_has_every_cell() -> None:
    tally = Tally({Cell(SET_RIPAS, "rd_align"): "so"})
    tally.add("test_a", [Cell(DELEGATE, SUCCESS)])
    found = tally.as_json()
    listed = found["cells"]
    assert isinstance(listed, list)
    assert len(listed) == len(rows())
    [ours] = [c for c in listed if c["command"] == SET_RIPAS and c["unreachable"]]
    assert ours["condition"] == "rd_align"
