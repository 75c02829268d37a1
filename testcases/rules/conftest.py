# SPDX-License-Identifier: BSD-3-Clause
"""Where nothing is judged, there is nothing to see."""

from __future__ import annotations

import pytest

from harness.plugin.judging import Trial
from harness.plugin.keeper import Running


@pytest.fixture(autouse=True)
def trial(cca_running: Running) -> Trial:
    """The judge of the machine."""
    if cca_running.trial is None:
        pytest.skip("nothing is judged: the tap or the rules are off")
    return cca_running.trial
