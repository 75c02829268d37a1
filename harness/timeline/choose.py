# SPDX-License-Identifier: BSD-3-Clause
"""Which rows are wanted: by command, by realm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.errors import HarnessError
from harness.tap import Lost
from harness.timeline.rows import Row


@dataclass(frozen=True, slots=True)
class Choice:
    """What is shown; losses always are.

    ``only`` has patterns of commands (``RMI_RTT_*``) and families (``RSI``), any of which will
    do. ``realm`` is a realm's number, or the address of an RD or a REC. ``echoes`` are the
    RMM's hand-overs that say what the RMI call's return says again.
    """

    only: Sequence[str] = ()
    realm: int | None = None
    echoes: bool = False

    def __call__(self, row: Row) -> bool:
        """Tell whether a row is wanted."""
        if isinstance(row.event, Lost):
            return True
        if row.echo and not self.echoes and not self._named(row):
            return False
        return (not self.only or self._named(row)) and (self.realm is None or self._inside(row))

    def _named(self, row: Row) -> bool:
        return any(pattern == row.family or fnmatchcase(row.name, pattern) for pattern in self.only)

    def _inside(self, row: Row) -> bool:
        wanted = self.realm
        if row.realm is not None and wanted in (row.realm.number or None, row.realm.rd):
            return True
        rec = row.caller.rec if row.caller else None
        return (rec is not None and rec.pa == wanted) or wanted in _addresses(row)


def _addresses(row: Row) -> list[object]:
    return [row.args.get(name) for name in ("rd", "rec", "calling_rec", "target_rec")]


def realm_number(text: str) -> int:
    """Read a realm's number or an address. Raises HarnessError."""
    try:
        return int(text, 0)
    except ValueError:
        raise HarnessError(
            f"{text} is neither a realm's number nor an address",
            hint="realms count from 1; addresses are those of an RD or a REC, such as 0x80001000",
        ) from None
