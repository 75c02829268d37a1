# SPDX-License-Identifier: BSD-3-Clause
"""What the kernel prints on the line of a shell, told apart from what a command prints.

A command's output comes with ``[`` and STX swapped (``DISGUISE``), so that a ``[`` on the line
is the kernel's: a record ``[ seconds.micros] text`` can be taken out wherever it stands, and a
command that shows such records itself (``dmesg``) keeps them. Transcript and alarms see the
line as it is.

A kernel writes a record in one piece, the terminal's text can be cut by it at any byte. Where
it writes no times (``printk.time=0``) nothing can be told apart, and its text stays in.
"""

from __future__ import annotations

import re

DISGUISE = r"tr '\133\002' '\002\133'"
"""A filter for the output of a command."""

_SWAPPED = bytes.maketrans(b"[\x02", b"\x02[")
_RECORD = (
    rb"(?:\*\* \d+ printk messages dropped \*\*\r?\n)?"  # stands before the next record
    rb"\[ *\d+\.\d{6}\][^\n]*\n"
)
_RECORDS = re.compile(_RECORD)


def without_records(data: bytes) -> bytes:
    """Return what is left of some bytes without the kernel's records."""
    return _RECORDS.sub(b"", data)


def torn(text: bytes) -> bytes:
    """Return a pattern for a text in which the kernel's records may stand."""
    between = b"(?:" + _RECORD + b")*"
    return between.join(re.escape(bytes([byte])) for byte in text)


def undisguised(data: bytes) -> bytes:
    """Return what a command wrote, from what came over the line without records."""
    return data.translate(_SWAPPED)
