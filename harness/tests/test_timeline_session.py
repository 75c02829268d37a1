# SPDX-License-Identifier: BSD-3-Clause
"""The timeline of a real failed test: a host that breaks a rule, seen in every form."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import ProvisionError
from harness.stack import build_stack, load_stack
from harness.tests.browser import browser, complaints, open_page, require_browser
from harness.tests.trace_format import faults_of_trace

pytestmark = [pytest.mark.qemu, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300.0
RULE = "mmio-only-after-abort"
BREAKS_IT = """
import pytest
from harness.realm import GuestRealm
from harness.rmi import EnterFlags

@pytest.mark.host_rules
def test_emulates_what_nobody_asked_for(guest: GuestRealm) -> None:
    assert not guest.rec.try_enter(flags=EnterFlags.EMUL_MMIO).ok
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the terminal shows; the run folder is ``runs`` beside it."""
    try:
        build_stack(load_stack("embedded"))
    except ProvisionError as problem:
        pytest.skip(str(problem))
    folder = tmp_path_factory.mktemp("session")
    (folder / "test_breaks.py").write_text(BREAKS_IT)
    words = ["-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    words += ["-p", "harness.plugin", "--rootdir", str(ROOT), "--confcutdir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, f"--runs={folder / 'runs'}", str(folder)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return f"{folder}\n{done.stdout}"


@pytest.fixture(scope="module")
def test_folder(output: str) -> Path:
    """The folder of the failed test."""
    [failure] = (Path(output.splitlines()[0]) / "runs" / "latest").glob("*/failure.json")
    return failure.parent


def test_the_terminal_shows_the_calls_up_to_the_broken_rule(output: str) -> None:
    lines = output.splitlines()
    at = next(n for n, line in enumerate(lines) if f"^^ violation: {RULE}: " in line)
    assert "RMI_REC_ENTER(" in lines[at - 1]
    assert "[EMUL_MMIO" in lines[at - 1]


def test_the_page_leads_to_it(test_folder: Path, tmp_path: Path) -> None:
    require_browser()
    with browser(tmp_path, 1280, 850) as page:
        ready = "document.documentElement.dataset.ready === 'yes'"
        open_page(page, test_folder / "timeline.html", ready)
        assert page.find_element("id", "why").text.startswith(f"{RULE}: ")
        page.find_element("id", "mark").click()
        page.execute_async_script("timeline.shown.then(arguments[0])")
        shown = page.find_element("id", "detail").text
        assert complaints(page) == []
    assert f"violation: {RULE}" in shown
    assert "RMI_REC_ENTER" in shown
    assert "(EMUL_MMIO)" in shown


def test_trace_marks_it_in_lines_and_in_a_trace(
    test_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", str(test_folder)]) == 0
    assert f"^^ violation: {RULE}: " in capsys.readouterr().out
    path = tmp_path / "x.json"
    assert main(["trace", str(test_folder), "--perfetto", str(path)]) == 0
    assert faults_of_trace(path.read_text()) == []
    names = [event["name"] for event in json.loads(path.read_text())["traceEvents"]]
    assert f"violation: {RULE}" in names
