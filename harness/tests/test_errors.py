# SPDX-License-Identifier: BSD-3-Clause
"""The exception tree: its text, its drawing, and that no class goes without a test."""

from __future__ import annotations

import ast
import errno
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
from harness import errors
from harness.artifacts import ArtifactError
from harness.errors import HarnessError
from harness.transcript import TranscriptError

OWN_TESTS = Path(__file__).resolve().parent


def import_everything() -> None:
    """Import all modules of the harness, so that all their errors are known."""
    for module in pkgutil.walk_packages(harness.__path__, "harness."):
        if not module.name.startswith("harness.tests"):
            importlib.import_module(module.name)


def all_errors() -> list[type[HarnessError]]:
    import_everything()
    found = [HarnessError]
    for kind in found:  # grows while it is walked
        found += kind.__subclasses__()
    return [kind for kind in found if kind.__module__.startswith("harness.")]


def names_used(path: Path) -> Iterator[str]:
    """Names that a file uses in expressions; an import alone does not count."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def names_called(path: Path) -> Iterator[str]:
    """Names of what a file calls, that is, also of the errors that it makes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr


def test_text_is_the_message_and_then_the_hint() -> None:
    assert str(HarnessError("wanted a, seen b")) == "wanted a, seen b"
    error = HarnessError("wanted a, seen b", hint="do c")
    assert str(error) == "wanted a, seen b\nhint: do c"
    assert (error.message, error.hint, error.args) == ("wanted a, seen b", "do c", (error.message,))


def test_every_error_that_is_made_has_a_test_that_names_it() -> None:
    own = [p for p in OWN_TESTS.glob("test_*.py") if p.name != Path(__file__).name]
    tested = {name for path in own for name in names_used(path)}
    sources = [p for p in OWN_TESTS.parent.rglob("*.py") if OWN_TESTS not in p.parents]
    made = {name for path in sources for name in names_called(path)}
    kinds = {kind.__name__ for kind in all_errors()}
    untested = sorted((kinds & made) - tested)
    assert not untested, f"no self test in harness/tests names {', '.join(untested)}"


def test_no_error_is_without_use() -> None:
    sources = [p for p in OWN_TESTS.parent.rglob("*.py") if OWN_TESTS not in p.parents]
    made = {name for path in sources for name in names_called(path)}
    idle = [k.__name__ for k in all_errors() if k.__name__ not in made and not k.__subclasses__()]
    assert not idle, f"nobody raises {', '.join(idle)}, and nothing derives from it"


def test_every_error_says_what_it_means() -> None:
    silent = [kind.__name__ for kind in all_errors() if not kind.__doc__]
    assert not silent


def test_names_are_unique() -> None:
    names = [kind.__name__ for kind in all_errors()]
    assert sorted(set(names)) == sorted(names)


def test_tree_in_the_docstring_is_the_tree() -> None:
    """Each line's class, under the class of the nearest line above that is indented less."""
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"^([ │├└─]*)([A-Z]\w+)\b(?=$|  )", line):
            depth, name = len(match[1]), match[2]
            above = [entry for entry in above if entry[0] < depth]
            drawn[name] = above[-1][1] if above else "Exception"
            above.append((depth, name))
    here = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, HarnessError)]
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in here}


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        (errors.HarnessError, "harness"),
        (errors.AbiError, "harness"),
        (errors.StackError, "stack"),
        (errors.BuildError, "stack"),
        (errors.ProvisionError, "stack"),
        (errors.MachineError, "stack"),
        (errors.AlarmRaised, "stack"),
        (errors.ConsoleTimeout, "stack"),
        (errors.LinkError, "harness"),
        (errors.LinkTimeout, "stack"),
        (ArtifactError, "lab"),
        (TranscriptError, "lab"),
        (errors.RealmError, "harness"),
    ],
)
def test_verdict(kind: type[HarnessError], verdict: str) -> None:
    assert kind("x").verdict == verdict


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free space there, or choose another place: --runs=DIR or CCA_RUNS"),
        (errno.EACCES, "choose another place: --runs=DIR or CCA_RUNS"),
    ],
)
def test_hint_for_results_that_cannot_be_written(number: int, hint: str) -> None:
    assert errors.results_hint(OSError(number, "x")) == hint


def test_verdicts_are_those_that_a_report_knows() -> None:
    known = {"assertion", "stack", "lab", "harness"}
    assert {kind.__name__: kind.verdict for kind in all_errors() if kind.verdict not in known} == {}
