# SPDX-License-Identifier: BSD-3-Clause
"""A stack that does not boot ends the session with one report; a single bad boot does not."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.errors import BootFailed, LaunchError
from harness.plugin import session
from harness.plugin.booting import MOST_FAILURES, acquire
from harness.plugin.keeper import MachineKeeper, Running
from harness.plugin.session import SESSION
from harness.stack import BuiltStack
from harness.tests.plugin_fakes import FakeMachines
from harness.tests.test_plugin_session import Inner, inner

__all__ = ["inner"]  # a fixture

pytest_plugins = ["pytester"]

BUILT = cast("BuiltStack", None)


class Booter(FakeMachines):
    """Boots machines until ``broken``."""

    broken = False

    def boot(self, built: BuiltStack, folder: Path, name: str, link_kind: str) -> Running:
        if self.broken:
            raise BootFailed("the firmware did not hand over", hint="look at BL31")
        return super().boot(built, folder, name, link_kind)


class Worker:
    """One worker of a run, as far as booting goes."""

    def __init__(self, run: Path, name: str) -> None:
        self.booter = Booter()
        self.keeper = MachineKeeper(BUILT, run / "machines" / name, "serial", self.booter.boot)
        cca = SimpleNamespace(
            keeper=self.keeper, run=SimpleNamespace(path=run), failed_boots=0, boot=self.booter.boot
        )
        self.session = SimpleNamespace(shouldfail=False)
        self.item = SimpleNamespace(
            session=self.session, config=SimpleNamespace(stash={SESSION: cca})
        )

    def acquire(self) -> Running:
        return acquire(cast("pytest.Item", self.item))

    def fails(self) -> None:
        self.booter.broken = True
        with pytest.raises(BootFailed):
            self.acquire()


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(tmp_path, "gw0")


def test_stack_that_does_not_boot_ends_the_session(worker: Worker) -> None:
    worker.fails()
    assert worker.session.shouldfail == "the stack does not boot, the rest was not run"


def test_one_worker_reports_it_and_the_others_stop(worker: Worker, tmp_path: Path) -> None:
    other = Worker(tmp_path, "gw1")
    worker.fails()
    other.booter.broken = True
    with pytest.raises(pytest.skip.Exception, match="as another worker reports"):
        other.acquire()
    assert other.session.shouldfail


def test_boot_that_fails_later_concerns_one_test(worker: Worker, tmp_path: Path) -> None:
    other = Worker(tmp_path, "gw1")
    assert worker.acquire() is worker.acquire()
    other.fails()
    assert not other.session.shouldfail
    other.booter.broken = False
    other.acquire()
    assert worker.keeper.boots == 1


def test_boots_that_fail_in_a_row_end_the_session(worker: Worker) -> None:
    worker.acquire()
    worker.keeper.retire()
    for _ in range(MOST_FAILURES - 1):
        worker.fails()
    worker.booter.broken = False
    worker.acquire()
    worker.keeper.retire()
    for _ in range(MOST_FAILURES - 1):
        worker.fails()
        assert not worker.session.shouldfail
    worker.fails()
    assert worker.session.shouldfail == (
        "3 machines one after the other did not boot, the rest was not run"
    )


def test_run_folder_that_cannot_be_written_hides_no_report(worker: Worker, tmp_path: Path) -> None:
    tmp_path.rmdir()
    worker.fails()
    assert worker.session.shouldfail


def test_the_session_shows_the_error_alone_and_stops(
    inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Running:
        raise LaunchError("QEMU ended before it ran", hint="see its output")

    monkeypatch.setattr(session, "MachineKeeper", partial(MachineKeeper, boot=refuse))
    result = inner.run("def test_one(ns): pass\ndef test_two(ns): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_one*",
            "QEMU ended before it ran",
            "hint: see its output",
            "* cca *",
            "verdict:   stack (phase setup)",
            "!*the stack does not boot, the rest was not run*!",
        ]
    )
    assert "raise LaunchError" not in result.stdout.str()
    [facts] = inner.failures()
    assert facts["error"] == "QEMU ended before it ran\nhint: see its output"


def test_error_in_python_is_not_blamed_on_what_is_tested(inner: Inner) -> None:
    inner.run("def test_it(ns): {}['missing']").assert_outcomes(failed=1)
    inner.run("def test_it(ns): raise OSError").assert_outcomes(failed=1)
    assert [facts["verdict"] for facts in inner.failures()] == ["harness"]


def test_section_that_the_disk_refuses_hides_no_failure(
    inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.plugin.report.write_failure", full)
    result = inner.run("def test_it(ns): assert False")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["this section could not be made: *No space left*"])


def test_failed_test_does_not_keep_its_machine(inner: Inner) -> None:
    result = inner.run(
        """
        from harness.plugin.fixtures import RUNNING

        def test_one(ns, request):
            assert RUNNING not in request.node.stash

        def test_two(request):
            assert RUNNING not in request.session.items[0].stash
        """
    )
    result.assert_outcomes(failed=1, passed=1)


def test_failure_of_the_stack_says_where_the_pes_were(inner: Inner) -> None:
    source = "from harness.errors import LinkTimeout\ndef test_it(ns): raise LinkTimeout('silence')"
    inner.run(source).stdout.fnmatch_lines(["PEs:", "  PE 0: EL2 at 0x60001234"])
    assert "PEs:" not in inner.run("def test_it(ns): assert False").stdout.str()


def test_wrong_limit_of_a_boot_is_a_usage_error(
    inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCA_BOOT_TIMEOUT_S", "soon")
    result = inner.run("def test_it(ns): pass")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.errlines[0].startswith("ERROR: CCA_BOOT_TIMEOUT_S=soon is not a number")
    assert not inner.runs.exists()
