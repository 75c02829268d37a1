# SPDX-License-Identifier: BSD-3-Clause
"""The look that all HTML pages of the project share: colours, type, light and dark."""

from __future__ import annotations

from importlib.resources import files


def style() -> str:
    """The shared style sheet, to be put in front of a page's own."""
    return files("harness.pages").joinpath("palette.css").read_text(encoding="utf-8")
