# SPDX-License-Identifier: BSD-3-Clause
"""Imports point downward only. The two tables below are the rules; new units go into them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]

GROUND = ("errors", "types", "deadline")
"""Import nothing of the harness; everybody may import them."""

LEAVES = ("abi", "elf")
"""Import the ground only; everybody above may import them."""

MAY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(GROUND, ()),
    **dict.fromkeys(LEAVES, GROUND),
    "artifacts": GROUND,
    "results": GROUND,
    "pages": GROUND,
    "coverage": (*GROUND, *LEAVES, "pages"),
    "provision": GROUND,
    "model": (*GROUND, *LEAVES),
    "tap": (*GROUND, *LEAVES, "model"),
    "timeline": (*GROUND, *LEAVES, "realm", "tap"),
    "transcript": GROUND,
    "alarm_rules": (*GROUND, *LEAVES),
    "alarms": (*GROUND, "alarm_rules", "transcript"),
    "stack": (*GROUND, *LEAVES, "provision"),
    "console": (*GROUND, "alarms", "transcript"),
    "machine": (*GROUND, *LEAVES, "alarms", "console", "transcript"),
    "link": (*GROUND, *LEAVES, "console", "machine"),
    "rmi": (*GROUND, *LEAVES, "coverage"),
    "shell": (*GROUND, "alarms", "console", "transcript"),
    "host": (*GROUND, *LEAVES, "alarms", "console", "machine", "shell", "transcript"),
    "lab": (*GROUND, *LEAVES, "alarms", "console", "machine", "stack", "transcript"),
    "realm": (*GROUND, *LEAVES, "coverage", "link", "rmi"),
    "replay": (*GROUND, *LEAVES, "coverage", "link", "model", "realm", "rmi"),
    "layouts": (*GROUND, *LEAVES),
    "launch": (*GROUND, *LEAVES, "alarms", "console", "shell", "tap", "transcript"),
    "bench": (*GROUND, *LEAVES, "host", "link", "machine", "realm", "rmi", "stack"),
    "mutants": (*GROUND, *LEAVES, "stack"),
    "bisect": (*GROUND, *LEAVES, "artifacts", "machine", "results", "stack"),
    "capacity": (*GROUND, "stack"),
    "nightly": (*GROUND, "artifacts", "capacity", "coverage", "results", "stack"),
    "report": (*GROUND, "artifacts", "coverage", "nightly", "pages", "results"),
    "oracle": (*GROUND, *LEAVES, "link", "machine", "model", "realm", "replay", "rmi", "stack"),
    "plugin": (
        *("capacity", "lab", "results"),
        *(*GROUND, *LEAVES, "alarms", "artifacts", "console", "coverage", "host", "launch"),
        *("link", "machine", "model", "oracle", "realm", "replay", "rmi", "shell", "stack", "tap"),
        *("timeline", "transcript"),
    ),
    "cli": (
        *("bisect",),
        *("capacity", "mutants", "nightly", "report", "results"),
        *(*GROUND, *LEAVES, "alarms", "artifacts", "bench", "console", "coverage", "launch"),
        *(
            "host",
            "link",
            "machine",
            "model",
            "oracle",
            "provision",
            "realm",
            "rmi",
            "shell",
            "stack",
            "tap",
            "timeline",
            "transcript",
        ),
    ),
    "testcases": (
        *(*GROUND, *LEAVES, "alarms", "console", "coverage", "host", "launch", "layouts", "link"),
        *("machine", "model", "oracle", "plugin", "realm", "replay", "rmi", "shell"),
        *("stack", "tap"),
    ),
}
"""What each unit (a module or package of the harness, or testcases) may import of it."""

ONLY_IN: dict[str, tuple[str, ...]] = {
    "pytest": ("harness.plugin", "testcases"),
    "pexpect": ("harness.console",),
    "paramiko": ("harness.shell.ssh",),
    "cryptography": ("harness.shell.keys",),
    "elftools": ("harness.elf", "harness.layouts.dwarf"),
    "qemu": ("harness.machine.qmp",),
    "labgrid": ("harness.lab",),
    "grpc": ("harness.lab",),
    "rich": ("harness.cli",),
    "hypothesis": ("testcases",),
}
"""Which modules or packages may import what comes from outside the standard library."""


class Import(NamedTuple):
    """One import statement: where it stands, and the full name that it names."""

    module: str
    line: int
    target: str


class Source(NamedTuple):
    """A module: its file and its dotted name."""

    path: Path
    module: str


def sources() -> list[Source]:
    """All modules that the rules are for; the self tests may import everything."""
    files = [p for top in ("harness", "testcases") for p in (ROOT / top).rglob("*.py")]
    own = ROOT / "harness" / "tests"
    found = [Source(p, dotted(p.relative_to(ROOT))) for p in files if own not in p.parents]
    return sorted(found, key=lambda source: source.module)


def dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(text: str, module: str) -> Iterator[Import]:
    """Every import of a module's text, also those inside functions."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                # "from harness import rmi" names a unit, "from harness.rmi import Rmi" has one.
                target = f"{base}.{alias.name}" if base == "harness" else base
                yield Import(module, node.lineno, target)


def unit_of(module: str) -> str:
    """``harness.link.base`` → ``link``; ``testcases.boot.test_x`` → ``testcases``."""
    top, _, rest = module.partition(".")
    return rest.split(".")[0] if top == "harness" else top


def verdict(found: Import) -> str | None:
    """What is wrong with an import, or None."""
    if found.target.startswith("."):
        return "relative imports hide the layer: write the full name"
    if found.target.split(".")[0] == "harness":
        return _verdict_inside(found)
    package = found.target.split(".")[0]
    if package in sys.stdlib_module_names:
        return None
    if package not in ONLY_IN:
        return f"{package} is not in ONLY_IN: nobody may import it"
    if any(f"{found.module}.".startswith(f"{owner}.") for owner in ONLY_IN[package]):
        return None
    return f"only {' and '.join(ONLY_IN[package])} may import {package}"


def _verdict_inside(found: Import) -> str | None:
    importer, imported = unit_of(found.module), unit_of(found.target)
    if importer == imported or imported in ("", "__version__") or found.module == "harness":
        return None
    if importer not in MAY:
        return f"{importer} is not in MAY: say there what it may import"
    if imported in MAY[importer]:
        return None
    allowed = ", ".join(sorted(MAY[importer])) or "nothing of the harness"
    return f"{importer} may not import {imported}, only {allowed}"


def violations(text: str, module: str, path: str) -> list[str]:
    """One line for each import that breaks a rule."""
    judged = ((found, verdict(found)) for found in imports(text, module))
    return [f"{path}:{found.line}: imports {found.target}: {why}" for found, why in judged if why]


def test_imports_point_downward() -> None:
    broken = [
        line
        for path, module in sources()
        for line in violations(
            path.read_text(encoding="utf-8"), module, str(path.relative_to(ROOT))
        )
    ]
    assert not broken, "\n".join(["imports against the layering:", *broken])


def test_root_conftest_registers_the_plugin_and_imports_nothing() -> None:
    assert list(imports((ROOT / "conftest.py").read_text(), "conftest")) == []


def test_every_unit_has_its_rule() -> None:
    units = {unit_of(module) for _, module in sources()} - {""}
    assert units <= MAY.keys()


def test_rules_have_no_circle() -> None:
    order = list(TopologicalSorter(MAY).static_order())
    assert order.index("console") < order.index("machine") < order.index("link")
    assert order.index("realm") < order.index("plugin") < order.index("testcases")


def test_realm_calls_are_free_of_links() -> None:
    """harness.rmi works over whatever carries a call: its Caller is a protocol."""
    assert not {"link", "machine", "console"} & set(MAY["rmi"])


@pytest.mark.parametrize(
    ("module", "text", "complaint"),
    [
        ("harness.rmi.rmi", "from harness.link import Link", "rmi may not import link, only abi"),
        ("harness.rmi.rmi", "from harness import link", "rmi may not import link, only abi"),
        ("harness.rmi.rmi", "import harness.link.base", "rmi may not import link, only abi"),
        ("harness.rmi.rmi", "from ..link import Link", "relative imports hide the layer"),
        ("harness.errors", "import harness.types", "may not import types, only nothing of the"),
        ("harness.cli.main", "from harness.plugin import keeper", "cli may not import plugin"),
        ("harness.cli.main", "import pytest", "only harness.plugin and testcases may"),
        ("harness.realm.realm", "def f():\n    import pytest", ":2: imports pytest: only harness"),
        ("harness.machine.qemu", "import pexpect", "only harness.console may import pexpect"),
        ("harness.console", "from paramiko import SSHClient", "may import paramiko"),
        ("harness.plugin.keeper", "from harness.tests import fakes", "may not import tests"),
        ("testcases.boot.test_x", "from harness.cli import main", "testcases may not import cli"),
        ("testcases.boot.test_x", "import pexpect", "may import pexpect"),
        ("harness.new", "from harness.abi import tables", "new is not in MAY"),
        ("harness.link.base", "import numpy", "numpy is not in ONLY_IN"),
    ],
)
def test_broken_rule_is_named(module: str, text: str, complaint: str) -> None:
    [line] = violations(text, module, "some/file.py")
    assert line.startswith("some/file.py:")
    assert complaint in line


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("harness.realm.realm", "from harness.link import Link"),
        ("harness.realm.realm", "from harness.realm.rec import Rec"),
        ("harness.console", "import pexpect.spawnbase"),
        ("harness.plugin.report", "import pytest"),
        ("harness.shell.ssh", "import paramiko"),
        ("harness.cli.main", "from harness import __version__"),
        ("testcases.rtt.test_x", "from harness.rmi import Fails\nimport hypothesis"),
        ("harness.types", "from os import path"),
    ],
)
def test_rule_that_is_kept(module: str, text: str) -> None:
    assert violations(text, module, "some/file.py") == []
