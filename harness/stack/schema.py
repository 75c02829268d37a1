# SPDX-License-Identifier: BSD-3-Clause
"""Tables to values, strictly: an unknown key, a missing key, a wrong type is one clear error."""

from __future__ import annotations

import dataclasses
import difflib
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

from harness.errors import StackError
from harness.stack.spec import (
    OUTPUTS,
    SOURCES,
    Component,
    MachineShape,
    PrebuiltSource,
    Source,
    required_outputs,
)

Table = dict[str, Any]
Overridden = Mapping[str, str]
"""Keys of a table that the command line has set, with the text that did it."""
NOTHING: Overridden = MappingProxyType({})
T = TypeVar("T")

MACHINE_KEYS: Mapping[str, type] = {
    "memory": str,
    "cpus": int,
    "cpu": str,
    "accel": str,
    "options": str,
    "extra_args": tuple,
}

_SUFFIX_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_TYPE_NAMES = {str: "a string", int: "an integer", tuple: "a list of strings", Path: "a path"}


def nearest(word: str, valid: Iterable[str]) -> str:
    """Return the valid word closest to ``word``, or "" where none resembles it."""
    found = difflib.get_close_matches(word, list(valid), n=1, cutoff=0.5)
    return found[0] if found else ""


def require_known(word: str, valid: Iterable[str], what: str, where: str) -> None:
    """Raise StackError, naming the nearest valid word, unless ``word`` is one of ``valid``."""
    names = list(valid)
    if word in names:
        return
    guess = nearest(word, names)
    hint = f"did you mean {guess!r}? " if guess else ""
    raise StackError(
        f"{where}: unknown {what} {word!r}", hint=f"{hint}valid: {', '.join(sorted(names))}"
    )


def typed(value: object, wanted: type, where: str) -> Any:
    """Return ``value`` as ``wanted`` (str, int, tuple of str, Path), or raise StackError."""
    if wanted is tuple and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if wanted is Path and isinstance(value, str):
        return Path(value).expanduser()
    if wanted in (str, int) and type(value) is wanted:
        return value
    raise StackError(
        f"{where}: wants {_TYPE_NAMES[wanted]}, got {value!r}",
        hint=_type_hint(value, wanted),
    )


def _type_hint(value: object, wanted: type) -> str:
    if wanted is tuple and isinstance(value, str):
        return f"write it as a list: {[value]!r}"
    if wanted is int and isinstance(value, str) and value.isdigit():
        return f"write it without quotes: {value}"
    if wanted is str and isinstance(value, int):
        return f'write it in quotes: "{value}"'
    return ""


def from_text(text: str, wanted: type, where: str) -> object:
    """Turn the value of ``--set`` into what a TOML file would have held for that key."""
    if wanted is int:
        if not re.fullmatch(r"-?\d+", text):
            raise StackError(f"{where}: wants an integer, got {text!r}")
        return int(text)
    if wanted is tuple:
        return shlex.split(text)
    return text


def source_types(cls: type[Source]) -> dict[str, type]:
    """Map the keys of a source to ``str``, ``int``, ``tuple`` or ``Path``."""
    hints = get_type_hints(cls)
    return {
        f.name: getattr(hints[f.name], "__origin__", hints[f.name]) for f in dataclasses.fields(cls)
    }


def parse_component(
    name: str, table: object, where: str, overridden: Overridden = NOTHING
) -> Component:
    """Validate one component's table. Raises StackError."""
    require_known(name, OUTPUTS, "component", where)
    here = f"{where}: [{name}]"
    if not isinstance(table, dict):
        raise StackError(f"{here}: wants a table, got {table!r}")
    kind = table.get("source")
    if kind is None:
        raise StackError(f"{here}: key 'source' is missing", hint=f"one of {', '.join(SOURCES)}")
    require_known(typed(kind, str, f"{here} source"), SOURCES, "source", f"{here} source")
    cls = SOURCES[kind]
    types = source_types(cls)
    settings: Table = {}
    outputs: dict[str, str] = {}
    for key, value in table.items():
        require_known(
            key, ["source", *types, *OUTPUTS[name]], f"key for source {kind!r}:", f"{here}"
        )
        if key in types:
            settings[key] = typed(value, types[key], f"{here} {key}")
        elif key != "source":
            outputs[key] = _output(typed(value, str, f"{here} {key}"), cls, f"{here} {key}")
    missing = _missing(cls, name, settings, outputs)
    if missing:
        lacking = f"source {cls.KIND!r} needs {', '.join(map(repr, missing))}"
        if overridden:
            also = f"also give --set {name}.{missing[0]}=…"
            raise StackError(f"{', '.join(overridden.values())}: {lacking}", hint=also)
        raise StackError(f"{here}: {lacking}", hint=f"add {missing[0]} = … to [{name}]")
    return Component(name, cls(**settings), outputs)


def _output(value: str, cls: type[Source], where: str) -> str:
    if not value:
        raise StackError(f"{where}: is empty", hint="give a file")
    return str(Path(value).expanduser()) if cls is PrebuiltSource else value


def _missing(
    cls: type[Source], name: str, settings: Table, outputs: Mapping[str, str]
) -> list[str]:
    """The keys that a component must have and does not."""
    needed = [f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING]
    missing = [key for key in needed if key not in settings]
    return missing + [key for key in required_outputs(name) if key not in outputs]


def parse_machine(table: object, where: str, overridden: Overridden = NOTHING) -> MachineShape:
    """Validate the ``[machine]`` table. Raises StackError."""
    here = f"{where}: [machine]"
    if not isinstance(table, dict):
        raise StackError(f"{here}: wants a table, got {table!r}")
    for key in table:
        require_known(key, MACHINE_KEYS, "key", here)
    values = {k: typed(v, MACHINE_KEYS[k], f"{here} {k}") for k, v in table.items()}
    missing = [k for k in ("memory", "cpus", "cpu", "options") if k not in values]
    if missing:
        raise StackError(f"{here}: needs {', '.join(map(repr, missing))}")
    places = {key: overridden.get(key, f"{here} {key}") for key in values}
    if not 1 <= values["cpus"] <= 512:
        raise StackError(f"{places['cpus']}: wants 1 to 512, got {values['cpus']}")
    return MachineShape(
        memory_bytes=parse_size(values["memory"], places["memory"]),
        cpus=values["cpus"],
        cpu=values["cpu"],
        accel=values.get("accel", "tcg"),
        machine_options=values["options"],
        extra_args=values.get("extra_args", ()),
    )


def parse_size(text: str, where: str) -> int:
    """Read "3G", "512M" or "4096" as a number of bytes. Raises StackError."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    if match is None or int(match[1]) == 0:
        raise StackError(f"{where}: {text!r} is not a size", hint='write it like "3G" or "512M"')
    return int(match[1]) * _SUFFIX_BYTES[match[2]]
