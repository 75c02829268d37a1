# SPDX-License-Identifier: BSD-3-Clause
"""The failures of a night's page: a card for each, closed; the text inside of it.

However many there are and however much they say, all cards together take ``MOST_BYTES`` at
most, as long as their heads alone do: each text is shortened to its share of what is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from harness.report import charts
from harness.report.data import Failure, Group, ReportData
from harness.report.text import escaped_end, escaped_start, first_line, size

MOST_BYTES = 7_500_000
_MOST_OF_ONE_BYTES = 1 << 20
_LEAST_OF_ONE_BYTES = 200
_FIRST_BYTES = 400
_MANY = 1000
_NIGHTS_OF_MANY = 4

TITLES: dict[Group, tuple[str, str]] = {
    "new": (
        "New failures",
        "They passed, or were not there, the last time that they ran undisturbed.",
    ),
    "known": ("Known failures", "They failed in the nights before as well."),
    "flake": ("Flakes", "They failed, then passed alone on a fresh machine with the same seed."),
    "host overload": ("Host overload", "A deadline was missed while the host was busy."),
    "lab fault": ("Lab faults", "The harness lost a worker, a place or a disk."),
    "quarantined": ("Quarantined", "They fail and do not count until their entry expires."),
}


def failures(data: ReportData) -> Iterator[str]:
    """A section for each group of failures."""
    heads = [_head(failure, many=len(data.failures) > _MANY) for failure in data.failures]
    most = _share(data.failures, MOST_BYTES - sum(map(size, heads)))
    cards = [
        (failure.group, f"{head}{_body(failure, most)}</div></details>")
        for failure, head in zip(data.failures, heads, strict=True)
    ]
    for name, (title, meaning) in TITLES.items():
        ours = [card for group, card in cards if group == name]
        if not ours:
            continue
        yield f'<section id="{name.replace(" ", "-")}" class="failures {name.split()[0]}">'
        yield f"<h2>{title} <small>{len(ours)}</small></h2><p class=quiet>{meaning}</p>"
        yield from ours
        yield "</section>"


def _share(found: Sequence[Failure], left: int) -> int:
    """Most bytes for what is inside of a card."""
    wanted = sum(
        min(_MOST_OF_ONE_BYTES, size(escape(part)))
        for failure in found
        for part in (failure.result.again, failure.result.text)
    )
    if wanted <= left:
        return _MOST_OF_ONE_BYTES
    return max(_LEAST_OF_ONE_BYTES, left // len(found))


def _head(failure: Failure, *, many: bool) -> str:
    return "".join(_head_parts(failure, _NIGHTS_OF_MANY if many else 1000))


def _head_parts(failure: Failure, nights: int) -> Iterator[str]:
    result = failure.result
    file, _, name = result.test.partition("::")
    yield f'<details class="card" data-test="{escape(result.test)}" '
    yield f'data-cell="{escape(result.cell)}">\n'
    yield f"<summary><b>{escape(name or file)}</b>"
    yield f'<span class="tag">{escape(result.cell)}</span>'
    yield f'<span class="tag">{escape(result.verdict or "assertion")}</span>'
    if failure.nights > 1:
        yield f'<span class="tag">since {escape(failure.since)}, {failure.nights} nights</span>'
    yield charts.past(failure.past[-nights:])
    shown = escaped_start(first_line(result.text), _FIRST_BYTES)
    yield f'<span class="first">{shown}</span></summary>\n'
    yield '<div class="body">'
    yield f"<p><code>{escape(result.test)}</code>, phase {escape(result.phase or '?')}</p>"
    if result.kind:
        yield f"<p><b>{escape(result.kind)}</b>: {escape(result.why)}</p>"
    if result.quarantine:
        yield f"<p>quarantined: {escape(result.quarantine)}</p>"
    yield f'<p class="links">{_links(failure)}</p>\n'


def _body(failure: Failure, most: int) -> str:
    result = failure.result
    again = escape(result.again)
    again = f"<pre class=again>{again}</pre>\n" if again and size(again) <= most // 2 else ""
    return f"{again}<pre>{escaped_end(result.text, most - size(again))}</pre>"


def _links(failure: Failure) -> str:
    result = failure.result
    links = []
    if result.timeline:
        links.append(f'<a class="timeline" href="{escape(result.timeline)}">timeline</a>')
    if result.folder:
        links.append(f'<a href="{escape(result.folder)}/">artefacts</a>')
        links.append(f'<a href="{escape(result.folder)}/failure.json">failure.json</a>')
    return " · ".join(links)
