# SPDX-License-Identifier: BSD-3-Clause
"""Random tests: a game on this worker's machines, scripts of failures in the run folder.

===========  ==================================================================
``game``     model and machine side by side, on as many machines as it takes
``shorten``  make a failing script short, and leave it in the run folder
``budget``   seconds that a random test may take, None for the quick profile
===========  ==================================================================
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.artifacts import safe_name
from harness.oracle import Arena, Failure, Game, Machines, Parted, reduce, survey
from harness.oracle.script import numbered
from harness.plugin.booting import acquire
from harness.plugin.fixtures import RUNNING
from harness.plugin.keeper import Running
from harness.plugin.options import DEVICE_LINK
from harness.plugin.session import CcaSession, cca_session
from harness.realm import PayloadImage

Shorten = Callable[[Failure], Parted]

_PES = 2
_SCRIPTS = "scripts"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that makes random tests long."""
    parser.getgroup("cca").addoption(
        "--random-minutes",
        dest="cca_random_minutes",
        type=float,
        default=None,
        metavar="N",
        help="profile nightly: each random test goes on for N minutes, with new seeds, and keeps "
        "what failed for the next run (default: profile quick, the same few steps every time)",
    )


@pytest.fixture(scope="session")
def budget(pytestconfig: pytest.Config) -> float | None:
    """Seconds that each random test may take; None: the quick profile."""
    minutes: float | None = pytestconfig.getoption("cca_random_minutes")
    return None if minutes is None else 60 * minutes


@pytest.fixture
def game(request: pytest.FixtureRequest, cca_running: Running, payload_image: PayloadImage) -> Game:
    """A game that begins on the test's machine; after a disagreement another one is booted."""
    cca = cca_session(request.config)
    if cca.link_kind == DEVICE_LINK:
        pytest.skip("not over /dev/rmi: a game has the host touch granules that are delegated")
    first = [cca_running]

    def boot() -> Arena:
        running = first.pop() if first else acquire(request.node)
        request.node.stash[RUNNING] = running
        pes = min(running.machine.what.machine.cpus, _PES)
        for pe in range(1, pes):
            running.switch_on(pe)
        ground = survey(running.world, payload_image, cca.built.capabilities)
        return Arena(running.world, ground, pes)

    return Game(boot, cca.keeper.retire)


@pytest.fixture
def shorten(request: pytest.FixtureRequest) -> Shorten:
    """Make an error of a script that is as short as it gets; the script is kept in a file.

    It is not made shorter where each attempt would need a board.
    """
    cca = cca_session(request.config)

    def make(failure: Failure) -> Parted:
        parted = Parted(_reduced(cca, failure) if cca.boot is None else failure)
        path = cca.run.path / _SCRIPTS / f"{safe_name(request.node.name)}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(parted.failure.text, encoding="utf-8")
        parted.hint = _again(cca, path)
        return parted

    return make


def _reduced(cca: CcaSession, failure: Failure) -> Failure:
    tap = cca.tap[0]
    quiet = tap and replace(tap, record=False)
    with (
        tempfile.TemporaryDirectory(prefix="reduce-", dir=cca.run.path) as folder,
        Machines(cca.built, Path(folder), quiet) as machines,
    ):
        return reduce(failure, lambda lines: machines.game.play(numbered(list(lines))))


def _again(cca: CcaSession, path: Path) -> str:
    words = ["cca", "replay", str(path)]
    if cca.stack_name != "embedded":
        words += ["--stack", cca.stack_name]
    return " ".join([*words, *(f"--set '{text}'" for text in cca.overrides)])
