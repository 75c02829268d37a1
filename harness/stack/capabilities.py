# SPDX-License-Identifier: BSD-3-Clause
"""What stacks say that they can do, by names that are known: a misspelt one would skip tests."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from harness.errors import StackError
from harness.stack.schema import require_known, typed

CAPABILITY_KEYS: Mapping[str, str] = {
    "rmi": "rmi-",
    "rsi": "rsi-",
    "launchers": "launcher-",
    "page_sizes": "pages-",
    "features": "",
}
"""Keys of ``[capabilities]``, and what stands before each of their values in a name."""

FEATURES: Mapping[str, str] = {
    "granules": "granules are delegated and given back",
    "wiping": "the RMM wipes a granule before the host can read it again",
    "features": "RMI_FEATURES tells feature registers",
    "realms": "realms are made and run",
    "mailbox": "the normal world serves calls in shared memory",
    "linux": "the normal world is a Linux",
    "attestation": "realms get attestation tokens",
}

LAUNCHERS = ("payload", "realm-run", "vm", "kvmtool", "qemu")
PAGE_SIZES = ("4k", "16k", "64k")

OWN = "x-"
"""Begins names that mean something to the tests of the stack's owner only."""

_VERSION = re.compile(r"\d+\.\d+")


def parse_capabilities(table: object, where: str) -> frozenset[str]:
    """Flatten ``[capabilities]`` into names: rmi-1.0, launcher-payload, pages-4k, realms, …"""
    here = f"{where}: [capabilities]"
    if not isinstance(table, dict):
        raise StackError(f"{here}: wants a table, got {table!r}")
    names: set[str] = set()
    for key, value in table.items():
        require_known(key, CAPABILITY_KEYS, "key", here)
        wanted = str if key in ("rmi", "rsi") else tuple
        checked = typed(value, wanted, f"{here} {key}")
        values = (checked,) if isinstance(checked, str) else checked
        for one in values:
            _require(key, one, f"{here} {key}")
        names.update(CAPABILITY_KEYS[key] + v for v in values)
    return frozenset(names)


def require_capability(name: str, others: Collection[str], where: str) -> None:
    """Raise StackError for a name (rmi-1.0, realms, …) that no stack can have, nor ``others``."""
    if name in others or name.startswith(OWN):
        return
    for key, prefix in CAPABILITY_KEYS.items():
        if prefix and name.startswith(prefix):
            _require(key, name.removeprefix(prefix), where)
            return
    require_known(name, [*FEATURES, *others, f"{OWN}…"], "capability", where)


def _require(key: str, value: str, where: str) -> None:
    if key in ("rmi", "rsi"):
        if not _VERSION.fullmatch(value):
            raise StackError(f"{where}: {value!r} is no version", hint='write it like "1.0"')
        return
    known = {"launchers": LAUNCHERS, "page_sizes": PAGE_SIZES, "features": FEATURES}[key]
    if not value.startswith(OWN):
        require_known(value, [*known, f"{OWN}…"], "value", where)
