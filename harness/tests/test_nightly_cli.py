# SPDX-License-Identifier: BSD-3-Clause
"""``cca nightly``: where it works, what interrupts it, reports that a kill left unwritten."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli.main import make_parser
from harness.cli.nightly import run
from harness.nightly import config, tidy
from harness.nightly.night import Night
from harness.tests.night_checkout import ROOT, Checkout
from harness.tests.night_pytest import FakePytest, ran


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Its nights lie in ``tmp_path``, where we are; building does nothing."""
    checkout = Checkout(tmp_path / "checkout")
    text = checkout.file.read_text()
    nights_folder = checkout.folder / "nights"
    checkout.file.write_text(text.replace('folder = "nights"', f'folder = "{nights_folder}"'))
    monkeypatch.setattr("harness.cli.regress.prepare", lambda _: 0)
    monkeypatch.chdir(tmp_path)
    return checkout


def nightly(*words: str) -> int:
    args = make_parser().parse_args(["nightly", "--config=checkout/nightly.toml", *words])
    return run(args)


def test_night_works_in_the_checkout_wherever_it_was_called(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    FakePytest.of(monkeypatch, ran({"a": "passed"}))
    assert nightly("--publish=night") == 0
    assert Path.cwd() == ROOT
    assert (tmp_path / "night" / "report.html").is_file()


@pytest.mark.parametrize("words", [[], ["--check"]])
def test_matrix_is_read_once(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    whole, read = config.load_config, []

    def load(file: Path) -> config.NightConfig:
        read.append(file)
        return whole(file)

    monkeypatch.setattr(config, "load_config", load)
    FakePytest.of(monkeypatch, ran({"a": "passed"}))
    assert nightly(*words) == 0
    assert read == [checkout.file]


def test_relative_folder_of_nights_is_in_the_checkout(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.cli.nightly._CHECKOUT", checkout.folder)
    text = checkout.file.read_text().replace(f"{checkout.folder}/nights", "some/nights")
    checkout.file.write_text(text)
    FakePytest.of(monkeypatch, ran({"a": "passed"}))
    assert nightly() == 0
    assert (checkout.folder / "some" / "nights" / "latest" / "report.html").is_file()


def test_what_is_started_can_be_interrupted_also_in_the_background_of_a_script(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    seen = []
    whole = Night.run

    def look(night: Night, *, resume: bool) -> object:
        seen.append(signal.getsignal(signal.SIGINT))
        return whole(night, resume=resume)

    monkeypatch.setattr(Night, "run", look)
    FakePytest.of(monkeypatch, ran({"a": "passed"}))
    nightly()
    assert seen == [signal.default_int_handler]


def test_night_that_was_killed_before_its_report_gets_it_from_the_next(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit

    FakePytest.of(monkeypatch, ran({"a": "passed"}), ran({"a": "passed"}))
    with monkeypatch.context() as patched:
        patched.setattr(tidy, "old_nights", killed)
        with pytest.raises(SystemExit):
            checkout.night()
    [first] = checkout.history().nights()
    page = checkout.folder / "nights" / first.id / "report.html"
    assert (first.state, page.exists()) == ("done", False)
    assert nightly("--resume") == 0
    assert page.is_file()
    assert f"nightly: wrote the report of night {first.id}" in capsys.readouterr().out
    assert len(checkout.history().nights()) == 2


def test_report_that_cannot_be_written_keeps_no_night_from_running(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    FakePytest.of(monkeypatch, ran({"a": "passed"}), ran({"a": "passed"}))
    first = checkout.night()
    (checkout.folder / "nights" / first.id / ".report.html.draft").mkdir()
    assert nightly() == 0
    said = capsys.readouterr().out
    assert f"nightly: night {first.id}: error: the report cannot be written to" in said


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("[night]", '[night]\nquarantine = "q.toml"', "{file}: [night] quarantine: there is no "),
        (
            "[profile.all]",
            '[profile.all]\ntests = ["testcases/gone.py::test_x"]',
            "{file}: cell fake / all: tests: there is no testcases/gone.py\n",
        ),
        ("stack.fake]", 'stack.fake]\nset = ["no.such=1"]', "{file}: cell fake / all: "),
        ("", '\n[[bench]]\nstack = "embeded"\n', "{file}: [[bench]]: no stack 'embeded'"),
    ],
)
def test_check_names_what_is_not_there(
    checkout: Checkout,
    capsys: pytest.CaptureFixture[str],
    before: str,
    after: str,
    complaint: str,
) -> None:
    text = checkout.file.read_text()
    checkout.file.write_text(text.replace(before, after, 1) if before else text + after)
    assert nightly("--check") == 2
    assert complaint.format(file=checkout.file) in capsys.readouterr().err
