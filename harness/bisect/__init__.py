# SPDX-License-Identifier: BSD-3-Clause
"""Finds the first bad revision of a component: a git history, or a list of prebuilt files.

A ``Series`` says what lies between good and bad, ``Source`` gets a revision's files, ``Trial``
runs the test on them, ``Search`` asks as few of them as it can, ``Journal`` remembers.
"""

from harness.bisect.errors import BisectError, WrongEnds
from harness.bisect.history import GitHistory, Worktree
from harness.bisect.journal import Journal
from harness.bisect.prebuilt import FileList
from harness.bisect.question import ask
from harness.bisect.report import report_text
from harness.bisect.search import Found, Search
from harness.bisect.series import Revision, Series, Source, Tried
from harness.bisect.sources import GitSource, component_of
from harness.bisect.trial import Trial, TrialSettings

__all__ = [
    "BisectError",
    "FileList",
    "Found",
    "GitHistory",
    "GitSource",
    "Journal",
    "Revision",
    "Search",
    "Series",
    "Source",
    "Trial",
    "TrialSettings",
    "Tried",
    "Worktree",
    "WrongEnds",
    "ask",
    "component_of",
    "report_text",
]
