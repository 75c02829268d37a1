# SPDX-License-Identifier: BSD-3-Clause
"""The plugin in a pytest of its own: options, skips, reports, clean machines."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.artifacts import ArtifactError
from harness.plugin import report, session
from harness.plugin.keeper import MachineKeeper
from harness.tests.plugin_fakes import FakeMachines
from harness.tests.stack_fakes import write_stack

pytest_plugins = ["pytester"]

CAPABILITIES = '[capabilities]\nrmi = "1.0"\nfeatures = ["granules"]'


class Inner:
    """Runs test files under the plugin, on fake machines."""

    def __init__(self, pytester: pytest.Pytester, machines: FakeMachines) -> None:
        self.pytester = pytester
        self.machines = machines
        self.runs = pytester.path / "runs"
        stack = pytester.mkdir("stack")
        self.stack = write_stack(stack, CAPABILITIES)
        pytester.makeconftest('pytest_plugins = ["harness.plugin"]')

    def run(self, source: str, *arguments: str, stack: str | None = None) -> pytest.RunResult:
        """Run one test file to its end."""
        self.pytester.makepyfile(source)
        words = ("-p", "no:cacheprovider", "--runs", str(self.runs), *arguments)
        return self.pytester.runpytest_inprocess("--stack", stack or str(self.stack), *words)

    @property
    def run_folder(self) -> Path:
        return (self.runs / "latest").resolve()

    def failures(self) -> list[dict[str, object]]:
        """The contents of all failure.json, by the names of their folders."""
        found = sorted(self.run_folder.glob("*/failure.json"))
        return [json.loads(path.read_text()) for path in found]


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Inner:
    machines = FakeMachines()
    monkeypatch.setenv("CCA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(session, "MachineKeeper", partial(MachineKeeper, boot=machines.boot))
    return Inner(pytester, machines)


def section(result: pytest.RunResult) -> list[str]:
    """The lines of the first section that the plugin adds to a failure."""
    lines = result.outlines
    start = next(n for n, line in enumerate(lines) if re.fullmatch("-+ cca -+", line))
    end = next(n for n in range(start + 1, len(lines)) if lines[n].startswith("artefacts:"))
    return lines[start + 1 : end + 1]


ANY = "def test_any(): pass"


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("--stack", "embeded"), "no stack 'embeded'", "did you mean 'embedded'"),
        (("--set", "rmm.imge=x.img"), "imge", "image"),
        (("--set", "rmm"), "--set rmm", "write --set COMPONENT.KEY=VALUE"),
        (("--set", "rmm.image=missing.img"), "missing.img", ""),
    ],
)
def test_wrong_stack_is_one_usage_error(
    inner: Inner, arguments: tuple[str, str], message: str, hint: str
) -> None:
    result = inner.run(ANY, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = result.stderr.str()
    [error] = [line for line in result.errlines if line.startswith("ERROR: ")]
    assert message in error
    assert hint in text
    assert "Traceback" not in text + result.stdout.str()
    assert len([line for line in result.errlines if line.strip()]) <= 2
    assert inner.machines.booted == []


@pytest.mark.parametrize(
    ("option", "words", "message"),
    [
        ("-k", "rec and", "Wrong expression passed to '-k': rec and"),
        ("-m", "not (slow", "Wrong expression passed to '-m': not (slow"),
        ("-m", "linx", "Unknown marker(s) in '-m' expression: linx"),
    ],
)
def test_wrong_selection_is_refused_before_anything_is_built(
    inner: Inner, option: str, words: str, message: str
) -> None:
    inner.pytester.makeini("[pytest]\nstrict_markers = true")
    result = inner.run(ANY, option, words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()
    assert not inner.runs.exists()


def test_collecting_needs_no_stack(inner: Inner) -> None:
    result = inner.run(ANY, "--collect-only", stack="nowhere.toml")
    assert result.ret == 0
    assert not inner.runs.exists()


@pytest.mark.parametrize(
    ("others", "code"),
    [((), pytest.ExitCode.OK), (("test_other.py",), pytest.ExitCode.USAGE_ERROR)],
)
def test_self_tests_alone_need_no_stack(
    inner: Inner, others: tuple[str, ...], code: pytest.ExitCode
) -> None:
    own = Path(__file__).with_name("test_deadline.py")
    inner.pytester.makepyfile(test_other=ANY)
    assert inner.run(ANY, str(own), *others, stack="nowhere.toml").ret == code
    assert not inner.runs.exists()


def test_header_says_what_boots_and_where_results_lie(inner: Inner) -> None:
    result = inner.run(ANY)
    result.stdout.fnmatch_lines(
        ["stack: fake (????????????): *", f"run folder: {inner.run_folder}"]
    )
    facts = json.loads((inner.run_folder / "run.json").read_text())
    assert facts["stack"] == "fake"
    assert facts["stack_hash"]
    assert "qemu" in facts["versions"]


def test_test_that_needs_no_machine_boots_none(inner: Inner) -> None:
    assert inner.run(ANY).ret == 0
    assert inner.machines.booted == []


def test_lacking_capability_skips_with_the_reason_and_is_counted(inner: Inner) -> None:
    result = inner.run(
        """
        import pytest

        @pytest.mark.requires("realms", "attestation")
        def test_realm(rmi): pass

        @pytest.mark.requires("attestation")
        @pytest.mark.requires("realms")
        def test_other(rmi): pass

        @pytest.mark.requires("granules", "rmi-1.0", "no-attestation")
        def test_granule(rmi): pass

        @pytest.mark.requires("no-granules")
        def test_without(rmi): pass

        def test_late():
            pytest.skip("no reason at all")
        """
    )
    result.assert_outcomes(passed=1, skipped=4)
    result.stdout.fnmatch_lines(
        [
            "*skipped, by reason*",
            "    1  no reason at all",
            "    2  not on this stack: fake has no capability attestation, realms",
            "    1  not on this stack: fake has no capability no-granules",
        ]
    )


def test_passing_run_has_no_section_about_skips(inner: Inner) -> None:
    assert "skipped, by reason" not in inner.run(ANY).stdout.str()


def test_machine_is_used_again_after_a_clean_test_and_replaced_after_a_failed_one(
    inner: Inner,
) -> None:
    result = inner.run(
        """
        import pytest

        def test_one(ns): ns.undelegate(ns.delegated())
        def test_two(ns): pass
        def test_wrong(ns): assert False
        def test_three(ns): pass
        @pytest.fixture
        def broken(ns): raise RuntimeError
        def test_unset(broken): pass
        def test_four(ns): pass
        @pytest.mark.xfail(strict=True)
        def test_known(ns): assert False
        def test_five(ns): pass
        def test_skipped(ns): pytest.skip("late")
        def test_six(ns): pass
        """
    )
    result.assert_outcomes(passed=6, failed=1, errors=1, xfailed=1, skipped=1)
    # One machine up to each failure; the last serves from test_five to the end.
    assert inner.machines.stopped == [1, 1, 1, 1]


LEAK = """
    from harness.rmi import Succeeds

    def test_leaks(ns):
        assert ns.rmi.granule_delegate(ns.pool.take()) == Succeeds()

    def test_after(ns):
        assert ns.link.delegated == set()
"""


def test_leak_fails_at_teardown_and_the_machine_is_replaced(inner: Inner) -> None:
    result = inner.run(LEAK)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "E*LeakFound: 2 traces of granules left behind:",
            "E*0x80000000 delegated by call #1, last used as DELEGATED",
            "verdict:   assertion (phase teardown)",
        ]
    )
    assert inner.machines.stopped == [1, 1]


def test_failing_clean_up_is_the_only_error(inner: Inner) -> None:
    result = inner.run(
        """
        def test_destroys(ns, realm):
            ns.link.answers["RMI_RTT_DESTROY"] = [(1,)]

        def test_after(ns): pass
        """
    )
    result.assert_outcomes(passed=2, errors=1)
    [facts] = inner.failures()
    assert str(facts["error"]).startswith("wanted success, seen RMI_RTT_DESTROY(")
    assert "LeakFound" not in result.stdout.str()
    assert inner.machines.stopped == [1, 1]


def test_realm_of_a_failed_test_is_left_alone(inner: Inner) -> None:
    inner.run("def test_fails(realm): assert False").assert_outcomes(failed=1)
    assert inner.machines.booted[0].host.asked_of("RMI_REALM_DESTROY") == []


def test_realm_of_a_passed_test_is_destroyed(inner: Inner) -> None:
    result = inner.run(
        """
        def test_passes(ns, make_realm):
            ns.link.answers["RMI_RTT_DESTROY"] = lambda *_: (0x104, 0, 1 << 40)
            make_realm(ipa_width=40), make_realm()
        """
    )
    result.assert_outcomes(passed=1)
    assert len(inner.machines.booted[0].host.asked_of("RMI_REALM_DESTROY")) == 2


def test_alarm_during_a_test_fails_it(inner: Inner) -> None:
    result = inner.run(
        """
        def test_panics(machine):
            machine.alarms.feed("secure", b"PANIC in EL3.\\n")

        def test_after(machine): pass
        """
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["verdict:   stack (phase teardown)", "alarm: *PANIC in EL3*"])
    assert inner.machines.stopped == [1, 1]


def test_interrupt_stops_the_machine_without_more_errors(inner: Inner) -> None:
    with pytest.raises(KeyboardInterrupt):  # as pytester passes the inner one on
        inner.run("def test_stopped(realm): raise KeyboardInterrupt")
    assert inner.machines.stopped == [1]
    assert inner.machines.booted[0].host.asked_of("RMI_REALM_DESTROY") == []
    assert inner.failures() == []


FAILING = """
    from harness.rmi import Fails

    def test_refuses(rmi):
        rmi.version(0x10000)
        rmi.link.hello()
        assert rmi.granule_delegate(0x80000000) == Fails("gran_align")
"""


def test_failure_says_verdict_calls_and_what_to_do_next(inner: Inner) -> None:
    result = inner.run(FAILING)
    result.assert_outcomes(failed=1)
    folder = next(inner.run_folder.glob("*test_refuses*"))
    wanted = [
        "verdict:   assertion (phase call)",
        "last calls:",
        "     #1 PE 0: RMI_VERSION(0x10000) -> 0x0",
        "     #2 PE 0: RMI_GRANULE_DELEGATE(0x80000000) -> RMI_SUCCESS",
        "alarm:     none",
        "symbols:",
        "  0x0000000060001234 0x60001234 ns_code+0x34 (main.c:12)",
        "  0x0000000060001234 0x60001234 secure_code+0x34 (main.c:12)",
        "last lines of console 'ns':",
        "  | ns: pc 0x0000000060001234",
    ]
    lines = section(result)
    assert lines[: len(wanted)] == wanted
    assert lines[-3].startswith("stack:     fake ")
    again = "again:     scripts/regress 'test_failure_says_verdict_calls_and_what_to_do_next.py"
    assert lines[-2] == f"{again}::test_refuses' --stack {inner.stack}"
    assert lines[-1] == f"artefacts: {folder}"


def test_failed_comparison_is_explained(inner: Inner) -> None:
    inner.run(FAILING).stdout.fnmatch_lines(
        [
            "E*RMI_GRANULE_DELEGATE: Fails(condition='gran_align'*",
            "E*wanted: RMI_ERROR_INPUT(0) because addr is not 4KB aligned ?gran_align?",
            "E*seen:   RMI_GRANULE_DELEGATE(addr=0x80000000) → RMI_SUCCESS",
        ]
    )


def test_failure_is_written_to_the_folder_of_the_test(inner: Inner) -> None:
    inner.run(FAILING)
    [facts] = inner.failures()
    machine = inner.machines.booted[0].machine
    assert {name: facts[name] for name in ("verdict", "phase", "hint", "stack", "qemu_status")} == {
        "verdict": "assertion",
        "phase": "call",
        "hint": "",
        "stack": "fake",
        "qemu_status": None,
    }
    assert str(facts["test"]).endswith("::test_refuses")
    assert "wanted: RMI_ERROR_INPUT(0)" in str(facts["error"])
    assert len(str(facts["stack_hash"])) >= 12
    assert facts["machine_folder"] == str(machine.folder)
    assert facts["command"] == list(machine.command)
    assert facts["positions"] == ["PE 0: EL2 at 0x60001234"]
    assert set(facts["consoles"]) == {"ns", "secure"}  # type: ignore[call-overload]
    folder = Path(str(facts["artefacts"]))
    calls = (folder / "calls.txt").read_text().splitlines()
    assert calls == facts["last_calls"]
    assert (folder / "machine").resolve() == machine.folder.resolve()


def test_calls_are_those_of_the_failed_test_alone(inner: Inner) -> None:
    inner.run("def test_before(rmi): rmi.features(0)\n" + FAILING.replace("\n    ", "\n"))
    [facts] = inner.failures()
    assert "RMI_FEATURES" not in str(facts["last_calls"])


def test_only_the_last_calls_are_shown(inner: Inner) -> None:
    inner.run("def test_many(rmi):\n    for n in range(30): rmi.features(n)\n    assert False")
    [facts] = inner.failures()
    calls = facts["last_calls"]
    assert isinstance(calls, list)
    assert len(calls) == 12
    assert calls[-1].startswith("  #30 PE 0: RMI_FEATURES(0x1d)")


def test_error_of_the_harness_is_reported_without_a_machine_too(inner: Inner) -> None:
    result = inner.run(
        """
        from harness.errors import StackError

        def test_fails():
            raise StackError("no such image", hint="build it")
        """
    )
    lines = section(result)
    assert lines[0] == "verdict:   stack (phase call)"
    assert "hint:      build it" in lines
    assert not any(line.startswith("last calls") for line in lines)


def test_plain_failure_without_a_machine_has_no_section(inner: Inner) -> None:
    result = inner.run("def test_fails(): assert False")
    assert "verdict:" not in result.stdout.str()


def test_first_of_several_errors_at_teardown_decides_the_verdict(inner: Inner) -> None:
    result = inner.run(
        """
        import pytest
        from harness.errors import RealmError

        @pytest.fixture
        def one():
            yield
            raise RealmError("first", hint="look here")

        @pytest.fixture
        def two(ns):
            yield
            ns.delegated()

        def test_fails(two, one): pass
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    [facts] = inner.failures()
    assert (facts["verdict"], facts["error"]) == ("harness", "first\nhint: look here")


def test_report_that_cannot_be_written_does_not_hide_the_failure(
    inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise ArtifactError("cannot write the artefact: disk full")

    monkeypatch.setattr(report, "write_failure", full)
    result = inner.run(FAILING)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["this section could not be made: cannot write*disk full"])


def test_command_that_reproduces_names_all_that_was_chosen(inner: Inner) -> None:
    (inner.pytester.path / "other.img").write_bytes(b"\x1f\x20\x03\xd5" * 16)
    override = f"rmm.image={inner.pytester.path}/other.img"
    result = inner.run(FAILING, "--set", override, "--link", "serial")
    again = next(line for line in section(result) if line.startswith("again:"))
    assert again.endswith(f"--stack {inner.stack} --set '{override}' --link serial")
    assert inner.machines.booted[0].kind == "serial"


def test_command_that_reproduces_has_what_the_test_needs_to_run_and_fail(inner: Inner) -> None:
    source = "import pytest\n@pytest.mark.nightly\ndef test_it(ns): assert False"
    words = ("--nightly", "--tap-check", "--no-tap", "--no-rules", "--random-minutes", "1.5")
    result = inner.run(source, *words)
    again = next(line for line in section(result) if line.startswith("again:"))
    for word in (*words[:4], "--random-minutes 1.5"):
        assert f" {word}" in again


def test_workers_of_the_harnesss_own_tests_make_no_run_folder(inner: Inner) -> None:
    """It would take the place of the last run of test cases, and have nothing in it."""
    node = SimpleNamespace(workerinput={})
    own = Path(__file__).parent / "test_types.py"
    made: list[bool] = []
    for words in ([str(own)], [str(inner.pytester.path)]):
        node.config = inner.pytester.parseconfig("--runs", str(inner.runs), *words)
        session.pytest_configure(node.config)
        session.pytest_configure_node(node)
        made.append(inner.runs.exists())
    assert made == [False, True]


def test_second_pe(inner: Inner) -> None:
    inner.run("def test_it(ns, second_pe): assert ns.link.pes_on == [second_pe]").assert_outcomes(
        passed=1
    )


def test_second_pe_on_a_stack_with_one(inner: Inner) -> None:
    result = inner.run("def test_it(second_pe): pass", "--set", "machine.cpus=1")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*not on this stack: it has one PE only"])


def test_outcomes_are_written_as_they_come(inner: Inner, monkeypatch: pytest.MonkeyPatch) -> None:
    target = inner.pytester.path / "outcomes.jsonl"
    monkeypatch.setenv("CCA_OUTCOMES", str(target))
    inner.run("def test_it(): assert False", "-p", "harness.plugin.outcomes")
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [(row["phase"], row["outcome"]) for row in rows] == [
        ("setup", "passed"),
        ("call", "failed"),
        ("teardown", "passed"),
    ]
    assert all(row["test"].endswith("::test_it") for row in rows)


def test_stack_can_be_spoiled_for_one_test(inner: Inner) -> None:
    inner.run(
        """
        def test_it(stack, stack_with):
            assert stack_with("machine.cpus=4").machine.cpus == 4
            assert stack.machine.cpus == 2
        """
    ).assert_outcomes(passed=1)


def test_a_capability_that_there_is_not_is_an_error_not_a_skip(inner: Inner) -> None:
    source = """
        import pytest
        @pytest.mark.requires("relms")
        def test_it(): pass
    """
    result = inner.run(source)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*requires('relms'): unknown capability 'relms'*"])


OWN_FOLDER = """
import pytest

@pytest.mark.parametrize("wrong", [False, True])
def test_own(own_folder, wrong):
    (own_folder / "transcript").write_text("seen")
    assert not wrong

def test_end(own_folder, request):
    request.addfinalizer(lambda: 1 / 0)
    (own_folder / "transcript").write_text("seen")

def test_both(own_folder, request):
    request.addfinalizer(lambda: 1 / 0)
    assert not own_folder.exists()
"""


def test_folder_of_a_tests_own_machines_stays_with_the_report_if_it_fails(inner: Inner) -> None:
    inner.run(OWN_FOLDER).assert_outcomes(passed=2, failed=2, errors=2)
    kept = list(inner.run_folder.glob("*/transcript"))
    assert len(kept) == 2
    assert all((path.parent / "failure.json").exists() for path in kept)
    seen = {(str(one["test"]).rpartition("::")[2], one["phase"]) for one in inner.failures()}
    both = {("test_both", "call"), ("test_both", "teardown")}
    assert seen == {("test_own[True]", "call"), ("test_end", "teardown")} | both
    assert len(list(inner.run_folder.glob("test_*"))) == 4
