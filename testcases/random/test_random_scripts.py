# SPDX-License-Identifier: BSD-3-Clause
"""Scripts that once showed a fault, played again."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.oracle import Game

pytestmark = [pytest.mark.rmi, pytest.mark.realm, pytest.mark.requires("realms")]

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script_is_agreed_on(game: Game, script: Path) -> None:
    """Model and monitor agree on each step of what was found at random (RTT-11)."""
    failure = game.play(script.read_text(encoding="utf-8"))
    assert failure is None, failure.text
    assert game.impossible == 0
