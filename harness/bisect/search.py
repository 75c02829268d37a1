# SPDX-License-Identifier: BSD-3-Clause
"""The search itself: halves what is suspect, goes round what cannot be tested."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.bisect.errors import WrongEnds
from harness.bisect.journal import Journal
from harness.bisect.series import Revision, Series, Tried

Try = Callable[[Revision], Tried]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """The end: ``first_bad``, unless revisions that could not be tested hide it.

    ``suspects`` are then all that it may be. ``tried`` is how the earliest bad one known failed.
    """

    first_bad: Revision | None
    suspects: tuple[Revision, ...]
    tried: Tried
    skipped: tuple[tuple[Revision, str], ...]
    runs: int


class Search:
    """One bisection. What the journal knows is not tried again."""

    def __init__(self, series: Series, trial: Try, journal: Journal, tell: Tell) -> None:
        self._series, self._trial, self._journal, self._tell = series, trial, journal, tell
        self.runs = 0

    def run(self, good: Revision, bad: Revision) -> Found:
        """Find the first bad revision after ``good`` up to ``bad``. Raises ``WrongEnds``."""
        tried = self._ends(good, bad)
        goods, worst, skipped = [good.key], bad.key, dict[str, str]()
        while True:
            suspects = self._series.suspects(goods, worst)
            ahead = [key for key in suspects if key != worst and key not in skipped]
            if not ahead:
                return self._found(suspects, worst, tried, skipped)
            revision = self._series.revision(ahead[0])
            outcome = self._ask(revision, f"{len(suspects)} suspects")
            if outcome.state == "good":
                goods.append(revision.key)
            elif outcome.state == "bad":
                worst, tried = revision.key, outcome
            else:
                skipped[revision.key] = outcome.reason

    def _ends(self, good: Revision, bad: Revision) -> Tried:
        """Both ends must be what they are said to be."""
        at_bad = self._ask(bad, "said to be bad")
        if at_bad.state == "skip":
            raise _says_nothing(bad, "bad", at_bad)
        if at_bad.state == "good":
            raise WrongEnds(
                f"the bad revision is good: {bad} passes",
                hint="give a later --bad, or another test: does it fail at all on that revision?",
            )
        at_good = self._ask(good, "said to be good")
        if at_good.state == "skip":
            raise _says_nothing(good, "good", at_good)
        if at_good.state == "bad":
            raise WrongEnds(
                f"the good revision is bad: {good} fails {at_good.test}\n{at_good.reason}",
                hint="give an earlier --good; the test may also fail for a reason of its own",
            )
        return at_bad

    def _ask(self, revision: Revision, why: str) -> Tried:
        known = self._journal.get(revision.key)
        if known is None:
            self._tell(f"{revision} ({why}) …")
            known = self._journal.put(revision.key, self._trial(revision))
            self.runs += 1
        self._tell(f"{revision}: {known.state}{f', {known.reason}' if known.reason else ''}")
        return known

    def _found(
        self, suspects: Sequence[str], worst: str, tried: Tried, skipped: dict[str, str]
    ) -> Found:
        keys = [key for key in suspects if key in skipped]
        revision = self._series.revision
        return Found(
            None if keys else revision(worst),
            tuple(revision(key) for key in [*keys, worst]),
            tried,
            tuple((revision(key), why) for key, why in skipped.items()),
            self.runs,
        )


def _says_nothing(revision: Revision, said: str, tried: Tried) -> WrongEnds:
    return WrongEnds(
        f"the {said} revision cannot be tested: {revision}: {tried.reason}",
        hint=f"give another --{said}, or --boot-is-test where not to boot is the fault",
    )
