# SPDX-License-Identifier: BSD-3-Clause
"""pytest's arguments of several axes as one command line."""

from __future__ import annotations

from collections.abc import Sequence

_SELECTING = ("-m", "-k")
"""Of these pytest takes the last; what the axes ask for has to hold all together."""


def joined(words: Sequence[str]) -> tuple[str, ...]:
    """The words with every ``-m`` made one, and every ``-k``: ``-m (A) and (B)``.

    They come last; ``-mA`` and ``-m=A`` are the same as ``-m A``, a blank expression asks for
    nothing. An option that stands behind others in one word, as in ``-qm``, is not seen.
    """
    found: dict[str, list[str]] = {option: [] for option in _SELECTING}
    rest: list[str] = []
    waiting = ""
    for word in words:
        option = word[:2]
        if waiting:
            found[waiting].append(word)
            waiting = ""
        elif word in _SELECTING:
            waiting = word
        elif option in _SELECTING:
            found[option].append(word[2:].removeprefix("="))
        else:
            rest.append(word)
    for option, expressions in found.items():
        rest += [option, _all_of(expressions)] if expressions else []
    return tuple([*rest, waiting] if waiting else rest)


def _all_of(expressions: Sequence[str]) -> str:
    asked = [one for one in expressions if one.strip()]
    if len(asked) > 1:
        return " and ".join(f"({one})" for one in asked)
    return asked[0] if asked else ""
