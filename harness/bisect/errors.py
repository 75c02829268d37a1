# SPDX-License-Identifier: BSD-3-Clause
"""Why a bisection cannot begin, or cannot go on."""

from __future__ import annotations

from harness.errors import HarnessError


class BisectError(HarnessError):
    """A bisection was asked for in a way that makes no sense, or git does not answer."""


class WrongEnds(BisectError):
    """The good revision is not good, the bad one not bad, or one of them says nothing."""
