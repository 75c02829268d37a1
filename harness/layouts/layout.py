# SPDX-License-Identifier: BSD-3-Clause
"""A structure as a compiler laid it out, whatever format says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from harness.errors import StackError


class LayoutError(StackError):
    """A file holds no type information, or information that cannot be read."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member; of structures inside, also their members, as ``outer.inner``.

    Members of anonymous structures and unions go by their own name.
    """

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class StructLayout:
    """Size and members of one structure, in bytes; bit fields are left out."""

    name: str
    size: int
    members: tuple[Member, ...]

    def at(self, offset: int) -> list[Member]:
        """The members that begin at an offset, the smallest first."""
        return sorted((m for m in self.members if m.offset == offset), key=lambda m: m.size)


class Layouts(Protocol):
    """The structures of one binary."""

    def struct(self, name: str) -> StructLayout | None:
        """Return a structure by its tag; None if the binary has none of that name."""
