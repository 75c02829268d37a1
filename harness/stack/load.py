# SPDX-License-Identifier: BSD-3-Clause
"""From a stack's name or file, and the overrides of the command line, to a ``Stack``.

A stack file may say ``extends = "embedded"`` and then needs to hold only what differs:
a component table with a ``source`` replaces the inherited one, as ``[capabilities]`` does;
other tables are merged. ``without = ["rmm"]`` drops inherited components.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import StackError
from harness.stack.capabilities import parse_capabilities
from harness.stack.overrides import apply_overrides, relocate, sources_of
from harness.stack.schema import (
    NOTHING,
    Overridden,
    Table,
    nearest,
    parse_component,
    parse_machine,
    require_known,
    typed,
)
from harness.stack.spec import OUTPUTS, Stack

DATA_DIR = Path(__file__).parent / "data"
POOL_END = 2 << 30
"""Bytes of RAM up to the end of the granules that tests take (harness.realm.pool)."""
_TAKE_GRANULES = frozenset({"granules", "realms"})
HEAD_KEYS = ("name", "description", "extends", "without", "machine", "capabilities")


def shipped_stacks() -> list[str]:
    """Name the stacks that come with the harness."""
    return sorted(path.stem for path in DATA_DIR.glob("*.toml"))


def find_stack_file(name_or_path: str) -> Path:
    """Find a shipped stack by name, or a file by path. Raises StackError."""
    if "/" not in name_or_path and not name_or_path.endswith(".toml"):
        shipped = DATA_DIR / f"{name_or_path}.toml"
        if shipped.is_file():
            return shipped
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path.absolute()
    if path.exists():
        what = "a folder" if path.is_dir() else "a device or the like"
        raise StackError(
            f"{name_or_path} is {what}, not a stack file", hint="give the path of a TOML file"
        )
    names = shipped_stacks()
    guess = nearest(name_or_path, names)
    raise StackError(
        f"no stack {name_or_path!r}: neither a shipped stack nor a file",
        hint=(f"did you mean {guess!r}? " if guess else "")
        + f"shipped: {', '.join(names)}; or give the path of a TOML file",
    )


def load_stack(name_or_path: str, overrides: Sequence[str] = ()) -> Stack:
    """Read and validate a stack; ``overrides`` are ``component.key=value``. Raises StackError."""
    file = find_stack_file(name_or_path)
    tables = apply_overrides(_read_chain(file, ()), overrides)
    return _parse(tables, file, sources_of(overrides))


def require_memory(stack: Stack, overrides: Sequence[str] = ()) -> None:
    """Raise StackError where tests would take granules that the machine does not have."""
    found = stack.machine.memory_bytes
    overridden = sources_of(overrides).get("machine", NOTHING)
    if "host" in stack.components and stack.capabilities & _TAKE_GRANULES and found < POOL_END:
        raise StackError(
            f"{overridden.get('memory', f'{stack.file}: [machine] memory')}: wants 2G or more, "
            f"got {found >> 20}M: tests take granules of the second GiB",
            hint="a stack without them has neither 'granules' nor 'realms' in its features",
        )


def _read_chain(file: Path, seen: tuple[Path, ...]) -> Table:
    """Read a file and those it extends, the farthest first, and merge them."""
    if file in seen:
        raise StackError(f"{file}: extends itself", hint="break the circle of 'extends'")
    own = _read(file)
    if "extends" not in own:
        return relocate(own, file.parent)
    parent = typed(own.pop("extends"), str, f"{file}: extends")
    beside = file.parent / parent
    base_file = beside if parent.endswith(".toml") and beside.is_file() else find_stack_file(parent)
    base = _read_chain(base_file, (*seen, file))
    for name in typed(own.pop("without", []), tuple, f"{file}: without"):
        require_known(name, [n for n in base if n in OUTPUTS], "component", f"{file}: without")
        del base[name]
    return _merge(base, {"name": file.stem, **relocate(own, file.parent, base)})


def _read(file: Path) -> Table:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StackError(f"{file}: not a TOML file: {error}") from error
    except OSError as error:
        raise StackError(f"{file}: cannot be read: {error.strerror}") from error


def _merge(base: Table, own: Table) -> Table:
    merged = dict(base)
    for key, value in own.items():
        inherited = merged.get(key)
        replaces = key == "capabilities" or not isinstance(inherited, dict)
        if isinstance(value, dict) and not replaces and "source" not in value:
            merged[key] = {**merged[key], **value}
        else:
            merged[key] = value
    return merged


def _parse(tables: dict[str, Any], file: Path, overridden: Mapping[str, Overridden]) -> Stack:
    where = str(file)
    if "without" in tables:
        raise StackError(f"{where}: 'without' needs 'extends'", hint="it drops what is inherited")
    for key in tables:
        require_known(key, [*HEAD_KEYS, *OUTPUTS], "component or key", where)
    if "machine" not in tables:
        raise StackError(
            f"{where}: table [machine] is missing", hint='or write extends = "embedded"'
        )
    components = {
        name: parse_component(name, table, where, overridden.get(name, NOTHING))
        for name, table in tables.items()
        if name not in HEAD_KEYS
    }
    for needed in ("qemu", "tf-a"):
        if needed not in components:
            raise StackError(
                f"{where}: component [{needed}] is missing", hint='or write extends = "embedded"'
            )
    return Stack(
        name=typed(tables.get("name", file.stem), str, f"{where}: name"),
        file=file,
        description=typed(tables.get("description", ""), str, f"{where}: description"),
        machine=parse_machine(tables["machine"], where, overridden.get("machine", NOTHING)),
        components=components,
        capabilities=parse_capabilities(tables.get("capabilities", {}), where),
    )
