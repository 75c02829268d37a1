# SPDX-License-Identifier: BSD-3-Clause
"""Decoded values as text, and rows as JSON.

Whatever comes from a register or from memory is text (``"0x80000000"``, or its name), so that
no reader loses bits of it; numbers of JSON are sequence numbers, times, counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.abi import Value, tables
from harness.tap import Call, Named, Return, decode
from harness.timeline.rows import Row


def shown(value: Value) -> str:
    """One value as text."""
    match value:
        case Named():
            return str(value)
        case int():
            return f"{int(value):#x}"
        case bytes():
            return value.rstrip(b"\0").hex() or "0"
        case tuple():
            return f"[{', '.join(shown(word) for word in value)}]"
    return "{" + ", ".join(f"{k}={shown(v)}" for k, v in value.items()) + "}"


def is_set(value: Value) -> bool:
    """Whether anything of a value is not zero."""
    if isinstance(value, dict):
        return any(map(is_set, value.values()))
    return any(value) if isinstance(value, tuple | bytes) else bool(value)


def structure(event: Call | Return) -> dict[str, Any] | None:
    """A parameter structure by name, with those of its fields that are not zero."""
    fields = event.structure
    call = event if isinstance(event, Call) else event.call
    if fields is None or call is None:
        return None
    name = decode.structure_name(call.fid, returns=isinstance(event, Return))
    types = {f.name: f.type for f in tables().struct(name).fields} if name else {}
    typed = {k: _field(types.get(k, ""), v) for k, v in fields.items() if is_set(v)}
    base = event.memory.base if event.memory else 0
    return {"name": name, "at": f"{int(base):#x}", "fields": typed}


def _field(kind: str, value: Value) -> Any:
    known = tables()
    if isinstance(value, tuple):
        return {str(n): shown(word) for n, word in enumerate(value) if word}
    if isinstance(value, int) and kind in known.enums:
        names = {number: name for name, number in known.enum(kind).items()}
        return f"{names[value]} ({value:#x})" if value in names else shown(value)
    if isinstance(value, int) and kind in known.bitfields:
        bits = known.bitfield(kind).decode(value)
        parts = [k if v == 1 else f"{k}={v:#x}" for k, v in bits.items() if v]
        return f"{value:#x} ({' '.join(parts)})" if parts else shown(value)
    if isinstance(value, Mapping):
        return {k: _field("", v) for k, v in value.items() if is_set(v)}
    return shown(value)


def _named(values: Mapping[str, Value]) -> dict[str, Any]:
    return {
        k: [shown(word) for word in v] if isinstance(v, tuple) else shown(v)
        for k, v in values.items()
    }


def as_json(row: Row, start_ns: int = 0) -> dict[str, Any]:
    """A row as a dict for JSON; what is not there is left out. docs/timeline.md lists the keys."""
    event, caller = row.event, row.caller
    found: dict[str, Any] = {"seq": row.seq, "time_ns": max(0, row.time_ns - start_ns)}
    if not isinstance(event, Call | Return):
        return {"seq": row.seq, "lost": event.count}
    assert caller is not None
    found |= {"cpu": event.cpu, "state": event.state.name, "level": event.level}
    found |= {"caller": str(caller), "name": row.name, "family": row.family}
    found["pc"] = f"{event.pc:#x}"
    answer = row.answer or (event if isinstance(event, Return) else None)
    optional = {
        "duration_ns": row.duration_ns,
        "return_seq": answer.seq if answer else None,
        "realm": row.realm.number if row.realm else None,
        "rd": f"{row.realm.rd}" if row.realm and row.realm.rd else None,
        "rec": f"{event.rec}" if event.rec else None,
        "args": _named(row.args) or None,
        "entry": row.entry or None,
        "exit": row.exit or None,
        "echo": row.echo or None,
        "missing": event.missing or None,
        "x": [f"{word:#x}" for word in event.x] if isinstance(event, Call) else None,
        "structure": structure(event) if isinstance(event, Call) else None,
    }
    found |= {key: value for key, value in optional.items() if value is not None}
    if answer is not None:
        found |= _answer(answer)
        found["failed"] = row.failed
        if found.get("return_structure") == found.get("structure"):
            found.pop("return_structure", None)
    return found


def _answer(answer: Return) -> dict[str, Any]:
    optional = {
        "index": answer.status.index or None,
        "results": _named(answer.results) or None,
        "return_structure": structure(answer),
        "return_missing": answer.missing or None,
    }
    found: dict[str, Any] = {"status": answer.status.name}
    found |= {key: value for key, value in optional.items() if value is not None}
    return found | {"return_x": [f"{word:#x}" for word in answer.x]}
