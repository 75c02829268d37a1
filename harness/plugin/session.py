# SPDX-License-Identifier: BSD-3-Clause
"""What a pytest session owns: the stack, the run folder, this worker's machine.

The controller (or the only process) loads and builds the stack before tests run, so that
a wrong stack ends the run with one message; workers find everything in the cache.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pytest

from harness.artifacts import RunFolder
from harness.errors import HarnessError
from harness.link.boot import boot_deadline
from harness.machine import TapPlugin
from harness.plugin.keeper import Boot, MachineKeeper
from harness.plugin.tapping import choose_tap
from harness.stack import BuiltStack, Progress, Stack, build_stack, load_stack
from harness.stack.load import require_memory

_WORKER_FOLDER = "cca_run_folder"
_FLAGS = (
    ("cca_nightly", True, "--nightly"),
    ("cca_tap", True, "--tap"),
    ("cca_tap", False, "--no-tap"),
    ("cca_tap_check", True, "--tap-check"),
    ("cca_rules", False, "--no-rules"),
)
"""Options without which a test may not run, or not fail, when it is run again."""


class CcaSession:
    """The stack of this run and the machine of this worker."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.overrides: list[str] = config.getoption("cca_set")
        self.stack_name: str = config.getoption("--stack")
        self.link_kind: str = config.getoption("cca_link")
        self.failed_boots = 0
        """Boots that failed on this worker since the last one that did not."""
        self.boot: Boot | None = None
        """What boots something else than a QEMU of this worker; see ``harness.plugin.lab``."""
        self.lacks: frozenset[str] = frozenset()
        """Capabilities of the stack that are not to be had where it is booted."""
        self.adds: frozenset[str] = frozenset()
        """What it can do besides by the link of this session."""
        self.no_tap = ""
        """Why there can be no tap, where that is so."""
        self.again: list[str] = []
        """Further words of the command that runs a test again."""

    @cached_property
    def stack(self) -> Stack:
        """The stack file with the overrides applied."""
        stack = load_stack(self.stack_name, self.overrides)
        require_memory(stack, self.overrides)
        return replace(stack, capabilities=stack.capabilities - self.lacks | self.adds)

    @cached_property
    def built(self) -> BuiltStack:
        """Everything of the stack in place."""
        return build_stack(self.stack, progress=Progress())

    @cached_property
    def tap(self) -> tuple[TapPlugin | None, str]:
        """The plugin, or None, and why it records no SMCs, "" if it does."""
        if self.no_tap:
            return None, self.no_tap
        return choose_tap(self.config, self.stack, self.built)

    @cached_property
    def run(self) -> RunFolder:
        """The folder of this run, shared by all workers."""
        given = getattr(self.config, "workerinput", {}).get(_WORKER_FOLDER)
        if given:
            return RunFolder(Path(given))
        chosen = self.config.getoption("cca_runs")
        return RunFolder.create(Path(chosen) if chosen else None)

    @cached_property
    def keeper(self) -> MachineKeeper:
        """This worker's machine, booted when a test needs it."""
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        make = partial(MachineKeeper, boot=self.boot) if self.boot else MachineKeeper
        return make(
            self.built,
            self.run.path / "machines" / worker,
            self.link_kind,
            tap=self.tap[0],
            tap_check=self.config.getoption("cca_tap_check"),
            rules=self.config.getoption("cca_rules"),
        )

    def reproduce(self, nodeid: str) -> str:
        """The command that runs one test on the same stack again."""
        words = ["scripts/regress", f"'{nodeid}'"]
        if self.stack_name != "embedded":
            words += ["--stack", self.stack_name]
        for override in self.overrides:
            words += ["--set", f"'{override}'"]
        if self.link_kind != "mailbox":
            words += ["--link", self.link_kind]
        words += [word for name, value, word in _FLAGS if self.config.getoption(name) is value]
        minutes: float | None = self.config.getoption("cca_random_minutes")
        if minutes is not None:
            words += ["--random-minutes", f"{minutes:g}"]
        words += self.again
        return " ".join(words)


SESSION = pytest.StashKey[CcaSession]()


def cca_session(config: pytest.Config) -> CcaSession:
    """The session object of a configuration."""
    return config.stash[SESSION]


def pytest_configure(config: pytest.Config) -> None:
    """Make the session object; nothing is built yet."""
    config.stash[SESSION] = CcaSession(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker where the run's folder is, if there is to be one."""
    if not may_need_stack(node.config):
        return
    node.workerinput[_WORKER_FOLDER] = str(cca_session(node.config).run.path)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Build the stack up front where test cases may run; one message if it cannot be."""
    config = session.config
    if hasattr(config, "workerinput") or not may_need_stack(config):
        return
    _require_paths(config)
    # What -k and -m say is looked at by each worker, where an error is one of xdist.
    selection = config.pluginmanager.get_plugin("mark")
    assert selection is not None
    selection.pytest_collection_modifyitems([], config)
    cca = cca_session(config)
    try:
        facts = {
            "command": sys.argv,
            "stack": cca.stack.name,
            "overrides": cca.overrides,
            "versions": dict(cca.built.versions),
            "stack_hash": cca.built.hash,
            "tap": _tap_file(cca),
        }
        boot_deadline()  # refuses a wrong setting once, not at each boot
        cca.run.note(**facts)  # a stack that cannot be built leaves no folder
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop this worker's machine."""
    cca = cca_session(session.config)
    if "keeper" in vars(cca):
        cca.keeper.close()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is going to boot and where the results will lie."""
    cca = cca_session(config)
    if hasattr(config, "workerinput") or "built" not in vars(cca):
        return []
    versions = ", ".join(f"{name} {version}" for name, version in cca.built.versions.items())
    return [
        f"stack: {cca.stack.name} ({cca.built.hash[:12]}): {versions}",
        f"tap: {_tap_words(cca, judged=config.getoption('cca_rules'))}",
        f"run folder: {cca.run.path}",
    ]


def _tap_file(cca: CcaSession) -> str:
    plugin, off = cca.tap
    return f"off: {off}" if off or plugin is None else str(plugin.plugin)


def _tap_words(cca: CcaSession, *, judged: bool) -> str:
    if cca.tap[1]:
        return f"off, {cca.tap[1]}"
    return "every SMC is recorded and judged" if judged else "every SMC is recorded"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Say why nothing ran, which pytest does not if there are workers."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and not config.getoption("collectonly"):
        terminalreporter.line("no test was selected: look at -k, -m and the names of tests")


def _require_paths(config: pytest.Config) -> None:
    """Refuse files that are not there; workers would select nothing and say nothing."""
    for arg in config.args:
        path = config.invocation_params.dir / arg.split("::")[0]
        if not config.getoption("pyargs") and not path.exists():
            raise pytest.UsageError(f"file or directory not found: {arg}")


def may_need_stack(config: pytest.Config) -> bool:
    """Whether more than the harness's own tests was asked for; those build what they need."""
    if config.getoption("collectonly"):
        return False
    own = Path(__file__).resolve().parent.parent / "tests"
    paths = [Path(arg.split("::")[0]).resolve() for arg in config.args]
    return not all(path == own or own in path.parents for path in paths)
