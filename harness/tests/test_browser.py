# SPDX-License-Identifier: BSD-3-Clause
"""The browser of tests of pages: what is said where there is none, and that it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.tests.browser import browser, complaints, open_page, require_browser
from harness.tests.waiting import until

HINT = "scripts/check installs the Debian packages: chromium chromium-driver"
HOLD = """
import sys
from pathlib import Path
from harness.tests.browser import browser
with browser(Path(sys.argv[1]), 400, 300):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_without_a_browser_a_test_is_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception) as caught:
        require_browser()
    assert str(caught.value) == f"no chromium and no chromedriver on PATH: {HINT}"


def test_in_ci_there_must_be_a_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="must run in CI: no chromium"):
        require_browser()


def test_what_a_page_complains_about_is_seen(tmp_path: Path) -> None:
    require_browser()
    page = tmp_path / "page.html"
    page.write_text("<!DOCTYPE html><title>x</title><script>throw new Error('so bad')</script>")
    with browser(tmp_path, 400, 300) as driver:
        open_page(driver, page, "document.title === 'x'")
        [entry] = complaints(driver)
        assert "so bad" in entry["message"]
        assert complaints(driver) == []


@pytest.mark.slow
def test_a_browser_does_not_outlive_a_killed_test(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    require_browser()
    # Chromium's socket lies in $TMPDIR, and the folder stays when it is killed.
    short = tmp_path_factory.mktemp("s")
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    environment = {**os.environ, "TMPDIR": str(short)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        assert processes_of(tmp_path)
        holder.kill()
    until(lambda: not processes_of(tmp_path), "the browser has ended")


def processes_of(folder: Path) -> list[str]:
    """Command lines that name the folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes()
        except OSError:
            continue
        if bytes(folder) in words:
            found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found
