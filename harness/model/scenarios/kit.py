# SPDX-License-Identifier: BSD-3-Clause
"""What a recipe may use of the machine it runs on."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import HarnessError
from harness.model.platform import Platform


class Unavailable(HarnessError):
    """This machine cannot be brought to fail in this way; the message says why."""


@dataclass(frozen=True, slots=True)
class Kit:
    """Memory and program for recipes; every address is a PA unless it says IPA.

    ``granules`` is the first of many Non-secure granules that nobody uses, to be delegated;
    ``pages`` the first of many others, for parameters, never delegated. ``device`` is no
    DRAM, ``not_ns`` DRAM that the realm world owns, ``secure`` memory of the secure world that
    is no DRAM, ``beyond`` an address where there is nothing, ``high`` free DRAM above 48 bits;
    None where the machine has no such thing. ``program`` are the pages (IPA, contents or None)
    that realms run, ``pc`` and ``gprs`` how they start, ``heap`` a free IPA (1 GiB aligned).
    """

    platform: Platform
    granules: int
    pages: int
    device: int | None = None
    not_ns: int | None = None
    high: int | None = None
    secure: int | None = None
    beyond: int | None = None
    program: tuple[tuple[int, bytes | None], ...] = ()
    pc: int = 0
    gprs: tuple[int, ...] = ()
    heap: int = 1 << 30
    first_vmid: int = 1


def needed(value: int | None, what: str) -> int:
    """Return something optional of the kit; Unavailable when the machine lacks it."""
    if value is None:
        raise Unavailable(f"this machine has no {what}")
    return value
