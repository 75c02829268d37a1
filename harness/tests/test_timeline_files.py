# SPDX-License-Identifier: BSD-3-Clause
"""Files that are made of a timeline, where recordings are found, and ``cca trace``."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.cli.main import main
from harness.cli.regress import CHECKOUT
from harness.errors import HarnessError
from harness.plugin.keeper import Running
from harness.plugin.recorded import timeline_facts
from harness.plugin.tapping import Watch
from harness.tap import Recording, Return, Tap
from harness.tests.tap_files import Writer
from harness.tests.timeline_story import RD, Story, story
from harness.tests.trace_format import faults_of_trace
from harness.timeline import Mark, find, rows, violation_marks, write_page, write_trace

BROKEN = Mark(26, "violation", "some-rule", "why")


def recorded(folder: Path, writer: Writer | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return (writer or story()).write(folder / "calls.tap")


def payload(page: Path) -> dict[str, Any]:
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found
    return cast("dict[str, Any]", json.loads(found[1]))


def unpacked(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def page(tmp_path: Path, **settings: Any) -> dict[str, Any]:
    path = tmp_path / "x.html"
    made = write_page(path, rows(Recording(recorded(tmp_path))), title="story", **settings)
    columns = cast("dict[str, Any]", unpacked(payload(path)["columns"]))
    assert made == len(columns["seq"])
    return columns


def test_a_page_has_all_calls_with_their_lanes(tmp_path: Path) -> None:
    columns = page(tmp_path, start_ns=1000, facts={"stack": "x"})
    assert columns["note"] == ""
    assert columns["facts"] == {"stack": "x"}
    assert [lane["label"] for lane in columns["lanes"]] == [
        *("PE 0 RMM", "PE 0 normal world", "realm 1 REC 0", "PE 1 normal world"),
        *("realm 2 REC 0", "PE 1 RMM"),
    ]
    at = columns["text"].index("RSI_HOST_CALL(addr=0x12000) → RSI_SUCCESS through exit #16")
    assert columns["lanes"][columns["lane"][at]]["inside"]
    assert (columns["time"][at], columns["duration"][at]) == (17_000, 10_000)
    assert len(columns["into"]) == 4
    assert any(f"{RD + 4096:#x}" in more for more in columns["more"].values())


def test_a_page_carries_every_detail(tmp_path: Path) -> None:
    columns = page(tmp_path)
    data = payload(tmp_path / "x.html")
    details = [row for chunk in data["details"] for row in unpacked(chunk)]
    assert [row["seq"] for row in details] == columns["seq"]
    assert details[1]["structure"]["name"] == "RmiRealmParams"


def test_the_same_rows_make_the_same_page(tmp_path: Path) -> None:
    page(tmp_path)
    first = (tmp_path / "x.html").read_bytes()
    page(tmp_path)
    assert (tmp_path / "x.html").read_bytes() == first


def test_a_page_needs_no_network_and_quotes_its_title(tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    write_page(path, [], title="</title><script>alert(1)</script> @@data@@")
    text = path.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert not re.search(r"(src|href)=|https?://|@import|url\(", text)
    assert "default-src 'none'" in text


def test_of_too_many_calls_the_last_are_shown(tmp_path: Path) -> None:
    columns = page(tmp_path, most_rows=5)
    total = len(page(tmp_path)["seq"])
    assert len(columns["seq"]) == 5
    assert columns["text"][-1].startswith("RMI_VERSION")
    assert f"5 of {total} calls: {total - 5} before them and 0 behind" in columns["note"]


def test_of_too_many_calls_those_around_the_first_mark_are_shown(tmp_path: Path) -> None:
    marks = [Mark(66, "violation", "b"), Mark(16, "violation", "a", "why")]
    columns = page(tmp_path, most_rows=6, marks=marks)
    assert columns["seq"][0] < 16 < columns["seq"][-1] < 66
    assert [mark["title"] for mark in columns["marks"]] == ["a", "b"]
    assert "behind them are not here" in columns["note"]


def test_violations_become_marks(tmp_path: Path) -> None:
    call, back = next(
        (event.call, event)
        for event in Recording(recorded(tmp_path))
        if isinstance(event, Return) and event.call is not None
    )
    found = [
        SimpleNamespace(rule="late", first=99, explanation="x", events=()),
        SimpleNamespace(rule="pair", first=call.seq, explanation="y", events=(call, back)),
        SimpleNamespace(rule="early", first=1, explanation="z", events=(call,)),
    ]
    assert (call.seq, back.seq) == (2, 6)
    assert violation_marks(found) == [
        Mark(2, "violation", "early", "z (began at #1)"),
        Mark(6, "violation", "pair", "y"),
        Mark(99, "violation", "late", "x"),
    ]


def test_a_page_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="cannot be written"):
        write_page(tmp_path / "none" / "x.html", [], title="x")


def test_a_perfetto_trace_has_tracks_slices_and_marks(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    marks = [Mark(17, "violation", "rule", "why")]
    with path.open("w", encoding="utf-8") as file:
        count = write_trace(rows(Recording(recorded(tmp_path))), file, 1000, marks)
    events = json.loads(path.read_text())["traceEvents"]
    assert len(events) == count
    assert faults_of_trace(path.read_text()) == []
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["ph"] == "M" and e["tid"]}
    assert "realm 1 REC 0" in names.values()
    [call] = [e for e in events if e["name"] == "RSI_HOST_CALL"]
    assert (call["ph"], call["ts"], call["dur"]) == ("X", 17.0, 10.0)
    assert names[call["pid"], call["tid"]] == "realm 1 REC 0"
    assert call["args"]["args"] == {"addr": "0x12000"}
    instants = [e["name"] for e in events if e["ph"] == "i"]
    assert instants == ["violation: rule", "3 records lost"]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ({"ph": "Q"}, "unknown phase Q"),
        ({"dur": -1}, "dur is no time"),
        ({"pid": "one"}, "pid is not a number"),
        ({"ts": 1.5}, "overlap"),
        ({"tid": 9}, "has no name"),
    ],
)
def test_what_is_no_trace_is_noticed(broken: dict[str, object], fault: str) -> None:
    named = {"ph": "M", "pid": 1, "tid": 0, "name": "process_name", "args": {"name": "x"}}
    events = [
        *(named, named | {"tid": 1, "name": "thread_name"}),
        {"ph": "X", "pid": 1, "tid": 1, "name": "a", "cat": "c", "ts": 1, "dur": 1},
        {"ph": "X", "pid": 1, "tid": 1, "name": "b", "cat": "c", "ts": 2, "dur": 1} | broken,
    ]
    [found] = faults_of_trace(json.dumps({"displayTimeUnit": "ns", "traceEvents": events}))
    assert fault in found


def failed_test(
    run: Path, tap: Path, first: int, until: int, last_seq: int, broken: Sequence[Mark] = ()
) -> Path:
    folder = run / "some-test"
    folder.mkdir()
    where: dict[str, Any] = {"file": str(tap), "first_record": first, "records": until - first}
    failure: dict[str, Any] = {"test": "t.py::t", "error": "it broke\nbadly", "stack": "embedded"}
    where |= {"last_seq": last_seq, "violations": [mark.as_json() for mark in broken]}
    failure |= {"recording": where}
    (folder / "failure.json").write_text(json.dumps(failure))
    return folder


def test_a_run_has_its_machines_and_the_place_of_the_first_failure(tmp_path: Path) -> None:
    tap = recorded(tmp_path / "machines" / "main" / "boot-1")
    failed_test(tmp_path, tap, 20, 40, 41, [BROKEN])
    [span] = find(tmp_path)
    assert span.title == "machines/main/boot-1/calls.tap"
    assert span.marks == [BROKEN, Mark(41, "failed test", "t.py::t", "it broke")]
    assert len(list(span)) == len(list(Recording(tap)))


def test_a_failed_test_has_its_part_of_the_recording(tmp_path: Path) -> None:
    tap = recorded(tmp_path / "machines" / "main" / "boot-1")
    [span] = find(failed_test(tmp_path, tap, 8, 22, 41, [BROKEN]))
    assert span.marks[0] == BROKEN
    # Record 8 is memory of an event before the test's part.
    assert [event.seq for event in span] == [11, 12, 13, 14, 15, 16, 18, 19, 20]
    assert (span.title, span.facts) == ("t.py::t", {"stack": "embedded"})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "there is no "),
        (lambda path: path.mkdir(), "there is no recording"),
        (lambda path: (path.mkdir(), (path / "failure.json").write_text("{}")), "was not recorded"),
        (lambda path: (path.mkdir(), (path / "failure.json").write_text("{")), "cannot be read"),
    ],
)
def test_what_has_no_recording_says_so(tmp_path: Path, make: Any, message: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(HarnessError, match=message):
        find(tmp_path / "x")


def trace(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    assert main(["trace", *map(str, words)]) == 0
    return capsys.readouterr().out.splitlines()


def test_trace_prints_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = trace(capsys, recorded(tmp_path))
    assert lines[0].split() == ["#", "seconds", "cpu", "duration", "realm", "call"]
    [about] = [line for line in lines if "RMI_RTT_READ_ENTRY(" in line]
    assert about.split()[:6] == ["23", "0.000023", "0", "2", "us", "1"]
    assert len(lines) == 1 + 19 + 1
    only = trace(capsys, tmp_path, "--only", "RSI", "--only", "PSCI_*", "--realm", "1")
    assert [line.split(": ")[1].split("(")[0] for line in only[1:3]] == [
        "RSI_HOST_CALL",
        "PSCI_SYSTEM_OFF",
    ]


def test_trace_prints_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = [json.loads(line) for line in trace(capsys, recorded(tmp_path), "--json")]
    assert found[0]["name"] == "RMM_BOOT_COMPLETE"
    assert any(row.get("echo") for row in found)
    assert {"seq": 72, "lost": 3} in found


def test_trace_of_a_run_names_recordings_and_failures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tap = recorded(tmp_path / "machines" / "a")
    recorded(tmp_path / "machines" / "b")
    failed_test(tmp_path, tap, 0, 40, 41, [Mark(28, "violation", "of the return of #18")])
    lines = trace(capsys, tmp_path)
    at = next(n for n, line in enumerate(lines) if "RSI_HOST_CALL" in line)
    assert lines[at + 1] == "        ^^ violation: of the return of #18"
    assert [line for line in lines if line.startswith("machines/")] == [
        "machines/a/calls.tap",
        "machines/b/calls.tap",
    ]
    assert "        ^^ failed test: t.py::t: it broke" in lines
    heads = [json.loads(line) for line in trace(capsys, tmp_path, "--json") if "recording" in line]
    assert len(heads) == 2
    assert main(["trace", str(tmp_path), "--html", str(tmp_path / "x.html")]) == 2
    assert "there are 2 recordings" in capsys.readouterr().err


def test_trace_makes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tap = recorded(tmp_path)
    html, perfetto = tmp_path / "x.html", tmp_path / "x.json"
    [line] = trace(capsys, tap, "--html", html, "--most", 7)
    assert line == f"{html}: 7 calls"
    trace(capsys, tap, "--perfetto", perfetto, "--only", "RSI")
    slices = [e for e in json.loads(perfetto.read_text())["traceEvents"] if e["ph"] == "X"]
    assert [e["name"] for e in slices] == ["RSI_HOST_CALL"]


def test_trace_reads_packed_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tap, packed = recorded(tmp_path), tmp_path / "one_test.tap.gz"
    packed.write_bytes(gzip.compress(tap.read_bytes()))
    assert trace(capsys, packed) == trace(capsys, tap)
    trace(capsys, packed, "--html", tmp_path / "x.html")
    data = unpacked(payload(tmp_path / "x.html")["columns"])
    assert (data["title"], data["facts"]["recording"]) == ("one_test.tap.gz", str(packed))


@pytest.mark.parametrize("pattern", ["SMC_C4000FFF", "*C4000FFF", "?MC_84000050", "S*", "RMI"])
def test_trace_takes_function_ids_that_no_table_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pattern: str
) -> None:
    trace(capsys, recorded(tmp_path), "--only", pattern)


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("FOO", "families: PSCI, RMI, RMM, RSI, SMCCC; commands: docs/abi-reference.md"),
        ("rmi_rec_enter", "did you mean RMI_REC_ENTER? families: "),
        ("rmi", "did you mean RMI? families: "),
        ("RMI_GRANULES_*", "did you mean RMI_GRANULE"),
    ],
)
def test_trace_refuses_commands_that_there_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pattern: str, hint: str
) -> None:
    assert main(["trace", str(recorded(tmp_path)), "--only", pattern]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    error = f"cca: error: --only {pattern}: no such command or family\nhint: {hint}"
    assert said.err.startswith(error)


@pytest.mark.parametrize("pattern", ["RMM", "SMCCC", "SMC", "SMC_C4000FFF", "*_DESTROY", "RETURN"])
def test_trace_takes_commands_that_a_recording_does_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pattern: str
) -> None:
    trace(capsys, recorded(tmp_path), "--only", pattern)


def test_trace_says_where_runs_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CCA_RUNS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["trace"]) == 2
    assert capsys.readouterr().err == (
        f"cca: error: there is no {tmp_path}/runs/latest\n"
        f"hint: scripts/regress leaves its runs in {CHECKOUT}/runs: name a folder there\n"
    )


def test_a_failed_test_keeps_its_timeline(tmp_path: Path) -> None:
    writer = Story()
    writer.rmi("RMI_VERSION", 0x10000)
    path = writer.write(tmp_path / "calls.tap")
    tap = Tap(path)
    writer.rmi("RMI_FEATURES", 0)
    writer.write(path)
    broken = SimpleNamespace(rule="some-rule", first=4, explanation="why", events=())
    trial = SimpleNamespace(found=lambda: [broken])
    running = cast("Running", SimpleNamespace(watch=Watch(tap, None), trial=trial))
    facts = timeline_facts(tmp_path, running, "t.py::t", "it broke\nbadly", 12)
    assert facts["recording"] == {
        "file": str(path), "first_record": 3, "records": 3, "last_seq": 6,
        "violations": [{"seq": 4, "kind": "violation", "title": "some-rule", "text": "why"}],
    }  # fmt: skip
    call, mark = cast("list[str]", facts["last_calls"])
    assert "RMI_FEATURES(index=0x0) → RMI_SUCCESS" in call
    assert mark == "        ^^ violation: some-rule: why"
    lines = (tmp_path / "timeline.jsonl").read_text().splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [4, 5]
    columns = unpacked(payload(tmp_path / "timeline.html")["columns"])
    assert columns["marks"][0]["title"] == "some-rule"
    assert columns["marks"][1] == {
        "seq": 6, "kind": "failed test", "title": "t.py::t", "text": "it broke"
    }  # fmt: skip


def test_a_report_survives_a_recording_that_is_gone(tmp_path: Path) -> None:
    path = Writer().write(tmp_path / "x.tap")
    running = cast("Running", SimpleNamespace(watch=Watch(Tap(path), None), trial=None))
    path.unlink()
    [(name, text)] = timeline_facts(tmp_path, running, "t", "", 12).items()
    assert name == "timeline"
    assert str(text).startswith("not made: cannot read ")
    running = cast("Running", SimpleNamespace(watch=None))
    assert timeline_facts(tmp_path, running, "t", "", 12) == {}
