# SPDX-License-Identifier: BSD-3-Clause
"""What a bisection asks: answers that were found to another question do not count."""

from __future__ import annotations

from pathlib import Path

from harness.bisect.errors import BisectError
from harness.bisect.history import GitHistory
from harness.bisect.prebuilt import FileList
from harness.bisect.series import Revision
from harness.bisect.trial import TrialSettings
from harness.stack import Stack
from harness.stack.hashing import FileHasher, digest

Question = dict[str, object]


def ask(
    series: GitHistory | FileList,
    ends: tuple[Revision, Revision],
    settings: TrialSettings,
    stack: Stack,
    tree: Path | None,
) -> Question:
    """All that the outcome of a revision depends on but the tests. Raises ``BisectError``."""
    good, bad = ends
    try:
        files = series.contents() if isinstance(series, FileList) else []
        hashed = _hash(stack)
    except OSError as problem:
        raise BisectError(f"{problem.filename} cannot be read: {problem.strerror}") from problem
    return {
        "component": settings.component,
        "good": str(good),
        "bad": str(bad),
        "ends": [good.key, bad.key],
        "words": list(settings.words),
        "timeout_s": settings.timeout_s,
        "repeat": settings.repeat,
        "boot_is_test": settings.boot_is_test,
        "source": str(tree or ""),
        "files": files,
        "stack": hashed,
    }


def _hash(stack: Stack) -> str:
    """What the stack file says, with those that it extends, and the prebuilt files it names."""
    hasher = FileHasher()
    prebuilt = {
        file: hasher.file(Path(file))
        for component in stack.components.values()
        if component.source.OUTPUTS_ARE_FILES
        for file in component.outputs.values()
        if Path(file).is_file()
    }
    components = {name: repr(component) for name, component in stack.components.items()}
    return digest(repr(stack.machine), components, sorted(stack.capabilities), prebuilt)
