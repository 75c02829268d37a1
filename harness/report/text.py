# SPDX-License-Identifier: BSD-3-Clause
"""Texts of failures: the line that tells most, and their ends where there is little room."""

from __future__ import annotations

import re
from html import escape

_REST_OF_ENTITY = re.compile("^[a-z0-9#]{0,5};")


def first_line(text: str) -> str:
    """The line of a report that says what was wrong, and what was seen where that is told."""
    lines = text.splitlines()
    told = [line.removeprefix("E ").strip() for line in lines if line.startswith("E ")]
    seen = [" ".join(line.split()) for line in told if line.startswith("seen:")]
    first = (told or [line for line in lines if line.strip()] or [""])[0]
    return " · ".join([first, *seen[:1]])[:240]


def size(html: str) -> int:
    """How many bytes it takes in a file."""
    return len(html.encode(errors="backslashreplace"))


def escaped_end(text: str, most_bytes: int) -> str:
    """A text for HTML, its end alone if it takes more bytes than that."""
    whole = escape(text[-most_bytes:])
    if size(whole) <= most_bytes:
        return whole
    end = whole.encode(errors="backslashreplace")[-most_bytes:].decode(errors="ignore")
    return _REST_OF_ENTITY.sub("", end)


def escaped_start(text: str, most_bytes: int) -> str:
    """A text for HTML, its beginning alone if it takes more bytes than that."""
    while size(whole := escape(text)) > most_bytes:
        text = text[: len(text) * most_bytes // size(whole)]
    return whole
