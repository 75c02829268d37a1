# SPDX-License-Identifier: BSD-3-Clause
"""What the effects of several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.model.rtt import Entry, Table, Walk
from harness.model.state import State
from harness.model.view import View

Outputs = tuple[int | None, ...]
Effect = tuple[Outputs, State]
"""x1.. of a successful call, and the state after it."""

Apply = Callable[[View], Effect]


def tables_replaced(state: State, rd: int, changes: Mapping[int, Table]) -> State:
    """A copy in which a realm's tables (by PA) are as given."""
    realm = state.realms[rd]
    return state.with_realm(replace(realm, rtts={**realm.rtts, **changes}))


def entry_replaced(state: State, rd: int, walk: Walk, entry: Entry) -> State:
    """A copy in which the entry where a walk ended is another."""
    table = walk.table.with_entries({walk.index: entry})
    return tables_replaced(state, rd, {walk.table_pa: table})
