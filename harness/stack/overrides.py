# SPDX-License-Identifier: BSD-3-Clause
"""``--set component.key=value``: what the command line changes in a stack.

Naming a file for an output (``rmm.image=FILE``) makes the component prebuilt, unless its
``source`` is set too. Setting ``source`` drops every other key of the component, so that
nothing of the old source is left to confuse the new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.errors import StackError
from harness.stack.capabilities import CAPABILITY_KEYS
from harness.stack.schema import (
    MACHINE_KEYS,
    Table,
    from_text,
    require_known,
    source_types,
)
from harness.stack.spec import OUTPUTS, SOURCES, PrebuiltSource

_SYNTAX = "write --set COMPONENT.KEY=VALUE, such as --set rmm.image=FILE or --set machine.cpus=4"


def split_override(text: str) -> tuple[str, str, str]:
    """Split "rmm.image=FILE" into its three parts. Raises StackError."""
    target, equals, value = text.partition("=")
    component, dot, key = target.strip().partition(".")
    if not (equals and dot and component and key):
        raise StackError(f"--set {text}: not of the form COMPONENT.KEY=VALUE", hint=_SYNTAX)
    return component, key.strip(), value


def sources_of(overrides: Sequence[str]) -> dict[str, dict[str, str]]:
    """Map component and key to the ``--set …`` that says it, for errors. Raises StackError."""
    found: dict[str, dict[str, str]] = {}
    for text in overrides:
        component, key, _ = split_override(text)
        found.setdefault(component, {})[key] = f"--set {text}"
    return found


def apply_overrides(tables: Table, overrides: Sequence[str]) -> Table:
    """Return the tables with the overrides in place; relative files are the caller's."""
    changed = {k: dict(v) if isinstance(v, dict) else v for k, v in tables.items()}
    parts = [(*split_override(text), f"--set {text}") for text in overrides]
    for component, key, value, where in parts:
        require_known(component, ["machine", "capabilities", *OUTPUTS], "component", where)
        if key == "source":
            require_known(value, SOURCES, "source", where)
            changed[component] = {"source": value}
    explicit = {component for component, key, _, _ in parts if key == "source"}
    for component, key, value, where in parts:
        if component in ("machine", "capabilities"):
            _set_plain(changed.setdefault(component, {}), component, key, value, where)
        elif key != "source":
            table = changed.setdefault(component, {"source": PrebuiltSource.KIND})
            changed[component] = _set_component(
                table, component, key, value, where, explicit=component in explicit
            )
    return changed


def _set_plain(table: Table, name: str, key: str, value: str, where: str) -> None:
    types = MACHINE_KEYS if name == "machine" else dict.fromkeys(CAPABILITY_KEYS, tuple)
    require_known(key, types, f"key of {name}:", where)
    wanted = str if name == "capabilities" and key in ("rmi", "rsi") else types[key]
    table[key] = from_text(value, wanted, where)


def _set_component(
    table: Table, component: str, key: str, value: str, where: str, *, explicit: bool
) -> Table:
    outputs = OUTPUTS[component]
    kind = table.get("source")
    cls = SOURCES.get(kind, PrebuiltSource) if isinstance(kind, str) else PrebuiltSource
    if key in outputs and not explicit and cls is not PrebuiltSource:
        table = {"source": PrebuiltSource.KIND}
        cls = PrebuiltSource
    types = source_types(cls)
    require_known(key, ["source", *types, *outputs], f"key of {component}:", where)
    wanted = types.get(key, str)
    text = value
    if wanted is Path or (key in outputs and cls is PrebuiltSource):
        text = str(Path(value).expanduser().absolute()) if value else ""
    return {**table, key: from_text(text, wanted, where)}


def relocate(tables: Table, folder: Path, base: Table | None = None) -> Table:
    """Make the file names of a stack file absolute: they are relative to the file's folder.

    A component that does not name its source has that of ``base``, the tables it extends.
    """
    moved: Table = {}
    for name, table in tables.items():
        inherited = (base or {}).get(name)
        moved[name] = _relocate_component(name, table, folder, inherited)
    return moved


def _relocate_component(name: str, table: object, folder: Path, inherited: object) -> object:
    if not isinstance(table, dict) or name not in OUTPUTS:
        return table
    kind = table.get("source", inherited.get("source") if isinstance(inherited, dict) else None)
    own_path = dict.fromkeys(("local", "kbuild"), ("path",))
    keys = {PrebuiltSource.KIND: OUTPUTS[name], **own_path}.get(str(kind), ())
    moved = dict(table)
    for key in keys:
        if isinstance(table.get(key), str) and table[key]:
            moved[key] = str(folder / Path(table[key]).expanduser())
    for key in ("patches", "fragments"):
        if isinstance(table.get(key), list):
            moved[key] = [_beside(file, folder) for file in table[key]]
    return moved


def _beside(file: object, folder: Path) -> object:
    """Patches lie beside the stack file, or else in the checkout (they stay relative then)."""
    beside = folder / Path(file).expanduser() if isinstance(file, str) else None
    return str(beside) if beside is not None and beside.is_file() else file
