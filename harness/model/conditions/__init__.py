# SPDX-License-Identifier: BSD-3-Clause
"""Every failure condition of the RMI tables as a predicate, under the tables' ids."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from harness.abi import Condition, tables
from harness.model.conditions import enter, granules, realm, rec, ripas, rtt
from harness.model.conditions.common import Conditions, Predicate
from harness.model.view import View

CONDITIONS: Mapping[str, Conditions] = {
    name: conditions
    for module in (granules, realm, rec, enter, rtt, ripas)
    for name, conditions in module.CONDITIONS.items()
}
"""Predicates by command and condition id; a test compares them with the tables."""


@functools.cache
def ordered(name: str) -> tuple[tuple[Condition, Predicate], ...]:
    """The conditions of a command in the order of the tables."""
    return tuple((c, CONDITIONS[name][c.id]) for c in tables().command(name).failures)


def failing(view: View) -> tuple[Condition, ...]:
    """The conditions that hold, of those that can be asked, in the tables' order."""
    unchecked = view.state.platform.unchecked
    return tuple(
        condition
        for condition, holds in ordered(view.name)
        if holds(view) and (view.name, condition.id) not in unchecked
    )
