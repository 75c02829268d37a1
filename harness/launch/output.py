# SPDX-License-Identifier: BSD-3-Clause
"""What a VMM and its guest say about themselves, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.types import Ipa

_FATAL = re.compile(r"^\s*Fatal: (.*\S)", re.MULTILINE)
_SPAN = r"(?:0x)?([0-9a-f]+) - (?:0x)?([0-9a-f]+)"
_RIPAS = re.compile(rf"Initialized IPA range \({_SPAN}\) as RAM", re.IGNORECASE)
_POPULATED = re.compile(rf"Populated Realm memory area : {_SPAN} \(size \d+ bytes\)", re.IGNORECASE)
_NORMAL = "KVM session ended normally"
_RSI = re.compile(r"RME: Using RSI version (\d+\.\d+)")
_PANIC = re.compile(r"Kernel panic - not syncing: (.*\S)")
_QEMU = re.compile(r"^qemu-system-aarch64: (.*\S)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Range:
    """Addresses from ``base`` up to, not including, ``top``."""

    base: Ipa
    top: Ipa

    @property
    def size_bytes(self) -> int:
        """How much it is."""
        return self.top - self.base


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The lines of a VMM and its guest that mean something.

    ``ended_normally`` is the VMM's opinion: it also says so after the guest panicked.
    ``rsi_version`` is what a Linux guest found, "" if it did not say.
    """

    ripas_ram: tuple[Range, ...]
    populated: tuple[Range, ...]
    fatal: str
    ended_normally: bool
    rsi_version: str
    panic: str


def read_output(text: str) -> Said:
    """Find what a VMM (kvmtool with ``--loglevel debug``, QEMU) and its guest said."""
    fatal = _FATAL.search(text) or _QEMU.search(text)
    rsi, panic = _RSI.search(text), _PANIC.search(text)
    return Said(
        ripas_ram=tuple(_range(match) for match in _RIPAS.finditer(text)),
        populated=tuple(_range(match) for match in _POPULATED.finditer(text)),
        fatal=fatal[1] if fatal else "",
        ended_normally=_NORMAL in text,
        rsi_version=rsi[1] if rsi else "",
        panic=panic[1] if panic else "",
    )


def _range(match: re.Match[str]) -> Range:
    return Range(Ipa(int(match[1], 16)), Ipa(int(match[2], 16)))
