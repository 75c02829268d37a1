# SPDX-License-Identifier: BSD-3-Clause
"""From a ``RealmConfig`` to words of a command line, one option at a time.

A launcher is a table: for each field of the config either an ``Expression``, which yields
pieces of the command line, or a ``Refusal`` with the reason. The table in
``docs/launchers.md`` is made from the same rows.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.errors import RealmError
from harness.launch.config import FIELDS, RealmConfig


class OptionRefused(RealmError):
    """A launcher cannot express an option that was asked for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A flag with its value, "" for none; ``joined``: added to the flag's value after a comma.

    Joined pieces of one flag become one word (QEMU's ``-cpu host,sve=off``).
    """

    flag: str
    value: str = ""
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a launcher cannot express an option, or a value of it; the default is fine."""

    why: str


@dataclass(frozen=True, slots=True)
class Expression:
    """How a launcher says an option. ``shown`` stands in the documentation.

    ``needs`` is what the program's help must mention (once the host was asked for it).
    """

    shown: str
    pieces: Callable[[RealmConfig], Sequence[Piece] | Refusal]
    needs: str = ""


Row = Expression | Refusal

EXTRA = Expression("as they are", lambda _: ())
"""Words of the launcher's own, which ``Launcher.command`` puts at the end."""

NO_PAYLOAD = Refusal("its guest is a Linux, not the realm payload")


@dataclass(frozen=True, slots=True)
class Launcher:
    """A way to start a realm (or, as the control, an ordinary VM) on a Linux host.

    ``start`` are the words and pieces that are always there. ``guest_console`` is what the
    guest's kernel must call its console. ``requires`` names the host's capability.
    """

    name: str
    program: str
    rows: Mapping[str, Row]
    start: Callable[[RealmConfig], Sequence[Piece]]
    requires: str
    is_realm: bool = True
    subcommand: Sequence[str] = ()
    options: frozenset[str] | None = field(default=None)
    """What the program's help mentions; None before the host was asked."""

    def __post_init__(self) -> None:
        assert set(self.rows) == set(FIELDS), set(self.rows) ^ set(FIELDS)

    def command(self, config: RealmConfig) -> list[str]:
        """The command line as words. Raises ``OptionRefused``, naming option and reason."""
        pieces = list(self.start(config))
        for name, row in self.rows.items():
            pieces += self._said(name, row, config)
        return [self.program, *self.subcommand, *_words(pieces), *config.extra]

    def shown(self, config: RealmConfig) -> str:
        """The command line for a shell. Raises ``OptionRefused``."""
        return shlex.join(self.command(config))

    def _said(self, name: str, row: Row, config: RealmConfig) -> Sequence[Piece]:
        if isinstance(row, Refusal):
            if config.departs(name):
                raise self.refused(name, getattr(config, name), row.why)
            return ()
        pieces = row.pieces(config)
        if isinstance(pieces, Refusal):
            raise self.refused(name, getattr(config, name), pieces.why)
        if pieces and row.needs and self.options is not None and row.needs not in self.options:
            why = f"the {self.program} of this host does not know {row.needs}"
            raise self.refused(name, getattr(config, name), why)
        return pieces

    def refused(self, name: str, value: object, why: str) -> OptionRefused:
        """The error for an option that cannot be expressed."""
        return OptionRefused(
            f"{self.name} cannot express {name}={value!r}: {why}",
            hint=f"leave {name} out, or use another launcher (docs/launchers.md)",
        )


def flag(name: str, value: object = "") -> list[Piece]:
    """One flag with its value."""
    return [Piece(name, str(value))]


def flag_if(name: str, value: object) -> Sequence[Piece]:
    """One flag with its value, if there is one."""
    return flag(name, value) if value else ()


def joined(name: str, value: object) -> list[Piece]:
    """A part of a flag's comma-separated value."""
    return [Piece(name, str(value), joined=True)]


def _words(pieces: Iterable[Piece]) -> list[str]:
    """Flags in the order of their first piece; joined values in one word."""
    flags: list[list[str]] = []
    places: dict[str, int] = {}
    for piece in pieces:
        if piece.joined and piece.flag in places:
            flags[places[piece.flag]].append(piece.value)
            continue
        if piece.joined:
            places[piece.flag] = len(flags)
        flags.append([piece.flag, *([piece.value] if piece.value else [])])
    return [word for first, *values in flags for word in _said(first, values)]


def _said(first: str, values: Sequence[str]) -> list[str]:
    if first.endswith("="):
        return [first + ",".join(values)]
    return [first, ",".join(values)] if values else [first]


def mentions(text: str, words: Collection[str]) -> frozenset[str]:
    """Which of ``words`` a help text mentions."""
    return frozenset(word for word in words if word in text)
