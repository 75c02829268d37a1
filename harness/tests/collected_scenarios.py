# SPDX-License-Identifier: BSD-3-Clause
"""Plugin for a run that only collects: writes which test names which scenarios, as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

VARIABLE = "CCA_TEST_SCENARIOS"


def pytest_collection_finish(session: pytest.Session) -> None:
    from harness.plugin.scenarios import scenarios_of  # not before pytest has rewritten it

    found = {item.nodeid: scenarios_of(item) for item in session.items}
    Path(os.environ[VARIABLE]).write_text(json.dumps(found), encoding="utf-8")
