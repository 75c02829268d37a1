# SPDX-License-Identifier: BSD-3-Clause
"""The coverage of a run as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from harness.coverage.cells import Row, rows
from harness.coverage.tally import Tally, shown_percent
from harness.pages import style

_SHOWN_TESTS = 40
_MEANING = (
    "A condition is covered when a test that passed asserted the answer that the tables give "
    "for it, an exit when such a test saw it."
)

_STYLE = """
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin-bottom: 1.5rem; background: var(--panel) }
th, td { text-align: left; vertical-align: top; padding: .2rem .6rem;
  border-top: 1px solid var(--line); overflow-wrap: anywhere }
td:first-child, code { font-family: ui-monospace, monospace; font-size: 90% }
h2 { margin: 1.6rem 0 .4rem; font-size: 1.05rem }
h2 small { font-weight: normal; color: var(--quiet) }
tr.covered td:first-child { border-left: .4rem solid var(--passed) }
tr.uncovered td:first-child { border-left: .4rem solid var(--failed) }
tr.unreachable td:first-child { border-left: .4rem solid var(--notrun) }
tr.unreachable { color: var(--quiet) }
summary { cursor: pointer }
ul { margin: .2rem 0; padding-left: 1.2rem }
@media (max-width: 760px) {
  body { margin: 1rem auto; padding: 0 .6rem }
  tr[class] { display: flex; flex-wrap: wrap; gap: 0 .6rem; padding: .3rem 0;
    border-top: 1px solid var(--line) }
  tr[class] td { border-top: 0; padding: 0 .4rem }
  tr[class] td:last-child { flex-basis: 100% }
}
"""


def render(tally: Tally, facts: Mapping[str, str]) -> str:
    """Return the page; ``facts`` are shown at its top (stack, run folder, ...)."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8"><title>ABI coverage</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{style()}{_STYLE}</style></head><body>",
            "<h1>ABI coverage</h1>",
            f"<p>{_MEANING}</p>",
            *_facts(facts),
            *_overview(tally),
            *_sections(tally),
            "</body></html>",
            "",
        ]
    )


def _facts(facts: Mapping[str, str]) -> Iterator[str]:
    shown = (f"{escape(name)}: <code>{escape(value)}</code>" for name, value in facts.items())
    yield f"<p>{'<br>'.join(shown)}</p>"


def _overview(tally: Tally) -> Iterator[str]:
    yield "<table><tr><th>family<th>covered<th>of reachable<th>cells<th>out of reach</tr>"
    for family in (*tally.families(), None):
        totals = tally.totals(family)
        yield (
            f"<tr><td>{escape(family or 'all')}<td>{totals.covered}<td>"
            f"{shown_percent(totals.percent)}<td>{totals.reachable}<td>{totals.unreachable}</tr>"
        )
    yield "</table>"


def _sections(tally: Tally) -> Iterator[str]:
    subjects: dict[str, list[Row]] = {}
    for row in rows():
        subjects.setdefault(row.cell.subject, []).append(row)
    for subject, ours in subjects.items():
        covered = sum(row.cell in tally.tests for row in ours)
        reachable = sum(tally.is_reachable(row) for row in ours)
        heading = escape(subject if ours[0].answer != subject else f"exit {subject}")
        name = escape(subject)
        yield f'<h2 id="{name}">{heading} <small>{covered} of {reachable}</small></h2>'
        yield "<table>"
        for row in ours:
            yield _line(row, tally)
        yield "</table>"


def _line(row: Row, tally: Tally) -> str:
    tests = tally.tests.get(row.cell)
    if tests:
        state, last = "covered", _tests(tests)
    elif reason := tally.out_of_reach.get(row.cell):
        state, last = "unreachable", f"out of reach: {escape(reason)}"
    else:
        state, last = "uncovered", "no test"
    cells = (escape(row.cell.case), escape(row.answer), escape(row.when), last)
    return f'<tr class="{state}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _tests(tests: list[str]) -> str:
    items = "".join(f"<li><code>{escape(test)}</code></li>" for test in tests[:_SHOWN_TESTS])
    more = len(tests) - _SHOWN_TESTS
    rest = f"<li>and {more} more (coverage.json)</li>" if more > 0 else ""
    count = "1 test" if len(tests) == 1 else f"{len(tests)} tests"
    return f"<details><summary>{count}</summary><ul>{items}{rest}</ul></details>"
