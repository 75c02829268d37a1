# SPDX-License-Identifier: BSD-3-Clause
"""The ABI tables as one page for people: ``docs/abi-reference.md``.

One section for each command (registers, failures in their order, what must be reported
before what, footprint, notes), then structures, bit fields, enumerations and statuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.abi.tables import raw_table

Raw = Mapping[str, Any]

_HEAD = """\
# ABI reference

Made by `cca reference` from `harness/abi/data`; not to be edited. These are the numbers that the
harness and the in-tree images use. Failures stand in the order in which TF-RMM evaluates them;
"Reported first" has the pairs that the specification orders. A failure's name is what a test gives
to `Fails("...")`.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One chapter: its title and the table it is made of."""

    title: str
    file: str


PARTS = (
    Part("RMI 1.0: the host calls the RMM", "rmi-1.0.toml"),
    Part("RSI 1.0 and PSCI: a realm calls the RMM", "rsi-1.0.toml"),
    Part("Structures, bit fields and enumerations of RMI and RSI", "structs-1.0.toml"),
    Part("RMM-EL3 interface", "rmm-el3.toml"),
    Part("Protocol of the normal-world monitor", "monitor.toml"),
    Part("Protocol of the realm payload", "payload.toml"),
    Part("Format of the tap's recordings", "tap.toml"),
    Part("The device /dev/rmi of a Linux host", "dev-rmi.toml"),
)


def render() -> str:
    """Return the whole page."""
    tables = [(part, raw_table(part.file)) for part in PARTS]
    named = frozenset(name for _, raw in tables for name in _named(raw))
    lines = [_HEAD, *_overview([raw for _, raw in tables])]
    for part, raw in tables:
        lines += _chapter(part, raw, named)
    return "\n".join(lines).rstrip() + "\n"


def _named(raw: Raw) -> Iterator[str]:
    """Types that have a section of their own."""
    yield from (row["name"] for kind in ("struct", "bitfield") for row in raw.get(kind, ()))
    yield from raw.get("enum", {})


def _overview(tables: Sequence[Raw]) -> Iterator[str]:
    yield from ("| Command | Function id | Failures |", "|---|---|---|")
    for raw in tables:
        for row in (*raw.get("command", ()), *raw.get("psci", ())):
            failures = len(row.get("failures", ())) or ""
            yield f"| [{row['name']}](#{row['name'].lower()}) | `{row['fid']:#x}` | {failures} |"
    yield ""


def _chapter(part: Part, raw: Raw, named: frozenset[str]) -> Iterator[str]:
    yield f"## {part.title}\n"
    meta = raw.get("meta", {})
    spec = f"{meta['spec']}. " if "spec" in meta else ""
    yield f"{spec}Sources: {'; '.join(meta.get('sources', ()))}.\n"
    yield from _facts(raw.get("encoding", {}))
    yield from _numbers("Statuses", {row["name"]: row["code"] for row in raw.get("status", ())})
    yield from _numbers("Constants", raw.get("constant", {}))
    for row in (*raw.get("command", ()), *raw.get("psci", ())):
        yield from _command(row, named)
    for row in raw.get("struct", ()):
        yield from _struct(row, named)
    for row in raw.get("bitfield", ()):
        yield from _bitfield(row)
    for name, members in raw.get("enum", {}).items():
        yield f"### {name}\n"
        yield from _numbers("", members)
    if "gicv3_list_register" in raw:
        yield "### GICv3 list registers\n"
        rules = raw["gicv3_list_register"]
        yield from (f"- {text}" for text in (*rules["rules"], rules["number"]))
        yield ""


def _facts(facts: Raw) -> Iterator[str]:
    for name, value in facts.items():
        yield f"- {name.replace('_', ' ')}: {_text(value)}"
    if facts:
        yield ""


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_text(one) for one in value)
    return f"`{_number(value)}`" if isinstance(value, int) else _cell(value)


def _number(value: int) -> str:
    return f"{value:#x}" if value > 9 else str(value)


def _cell(text: object) -> str:
    """Text that cannot break a table."""
    return str(text).replace("|", "\\|")


def _numbers(title: str, numbers: Mapping[str, int]) -> Iterator[str]:
    if numbers:
        yield from (f"| {title or 'Name'} | Value |", "|---|---|")
        yield from (f"| {name} | `{_number(value)}` |" for name, value in numbers.items())
        yield ""


def _type(name: str, named: frozenset[str]) -> str:
    return f"[{name}](#{name.lower()})" if name in named else _cell(name)


def _command(row: Raw, named: frozenset[str]) -> Iterator[str]:
    yield f"### {row['name']}\n"
    good = row.get("success") or row.get("result", "")
    yield f"Function id `{row['fid']:#x}`.{f' Success: {good}.' if good else ''}\n"
    registers = [("in", r) for r in row.get("inputs", ())]
    registers += [("out", r) for r in row.get("outputs", ())]
    if registers:
        yield from ("| | Register | Name | Type |", "|---|---|---|---|")
        for way, reg in registers:
            shown = _type(reg.get("type", "UInt64"), named)
            yield f"| {way} | {reg['reg']} | {reg['name']} | {shown} |"
        yield ""
    yield from _failures(row)
    yield from _footprint(row.get("footprint", ()))
    yield from _list("May exit", row.get("may_exit", ()))
    yield from _list("Notes", row.get("notes", ()))


def _failures(row: Raw) -> Iterator[str]:
    failures = row.get("failures", ())
    if failures:
        yield from ("| Failure | Answer | When |", "|---|---|---|")
        for one in failures:
            index = one.get("index", 0)
            answer = f"{one['status']}, index {index}" if index else one["status"]
            doubt = " (uncertain)" if one.get("uncertain") else ""
            yield f"| `{one['id']}` | {answer} | {_cell(one['when'])}{doubt} |"
        yield ""
    before: dict[str, list[str]] = {}
    for first, second in row.get("order_pairs", ()):
        before.setdefault(first, []).append(f"`{second}`")
    yield from _list(
        "Reported first", [f"`{first}` before {', '.join(rest)}" for first, rest in before.items()]
    )


def _footprint(rows: Sequence[Raw]) -> Iterator[str]:
    if not rows:
        return
    yield from ("| Changes | From | To |", "|---|---|---|")
    for one in rows:
        start, end = _cell(one["from"]), _cell(one["to"])
        if "gpt_from" in one:
            start, end = f"{start}, GPT {one['gpt_from']}", f"{end}, GPT {one['gpt_to']}"
        yield f"| {_cell(one['object'])} | {start} | {end} |"
    yield ""


def _list(title: str, texts: Sequence[str]) -> Iterator[str]:
    if texts:
        yield f"{title}:\n"
        yield from (f"- {text}" for text in texts)
        yield ""


def _struct(row: Raw, named: frozenset[str]) -> Iterator[str]:
    yield f"### {row['name']}\n"
    aligned = f", aligned to {row['alignment']}" if "alignment" in row else ""
    rest = [row[key] for key in ("note",) if key in row]
    rest += [f"must be zero: {row['must_be_zero']}"] if "must_be_zero" in row else []
    yield f"{row['size']:#x} bytes{aligned}. {'; '.join(rest)}".rstrip() + "\n"
    yield from ("| Offset | Size | Field | Type | |", "|---|---|---|---|---|")
    for one in row["fields"]:
        note = f"always {one['value']}" if "value" in one else _cell(one.get("note", ""))
        place = f"| `{one['offset']:#x}` | `{one['size']:#x}` | {one['name']} |"
        yield f"{place} {_type(one['type'], named)} | {note} |"
    yield ""


def _bitfield(row: Raw) -> Iterator[str]:
    yield f"### {row['name']}\n"
    rest = [_cell(row[key]) for key in ("note", "index_formula", "exit_extra") if key in row]
    rest += [f"mask `{row['mask']:#x}`"] if "mask" in row else []
    yield f"{row['width']} bits. {'; '.join(rest)}".rstrip() + "\n"
    yield from ("| Bits | Name | |", "|---|---|---|")
    for one in row["fields"]:
        bits = str(one["lo"]) if one["hi"] == one["lo"] else f"{one['hi']}:{one['lo']}"
        yield f"| {bits} | {one['name']} | {_cell(one.get('note', ''))} |"
    yield ""
