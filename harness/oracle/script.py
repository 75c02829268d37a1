# SPDX-License-Identifier: BSD-3-Clause
"""Scripts as text: one step a line, read by people and by ``cca replay``.

::

    scene guest
    1 RMI_GRANULE_DELEGATE addr=g40 on=1
    2 RMI_REC_ENTER rec=g15 run_ptr=p480 with flags=EMUL_MMIO gprs=0x7f doing READ ipa=0x8000000000
    3 WAKE on=1 irq=1

``on`` is the PE, ``with`` begins the fields of the parameter page, ``doing`` what the realm's
program is told. Addresses have names (:mod:`harness.oracle.ground`). ``#`` begins a comment.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.abi import tables
from harness.errors import AbiError, HarnessError
from harness.model import Access, GicAccess, Hvc, Kind, Smc, Wait
from harness.oracle.ground import Ground
from harness.oracle.steps import PAGES_OF, Deed, Fields, Issue, Nap, Nop, Peek, Step, Wake

_FLAGS = tables().bitfield("RmiRecEnterFlags")
_ENTER = "RMI_REC_ENTER"
_NUMBERED = re.compile(r"^\s*\d+\s+")
_WORDS: Mapping[str, Deed] = {
    "HVC": Hvc(),
    "WFI": Wait(),
    "WFE": Wait(is_wfe=True),
    "NAP": Nap(),
    "NOP": Nop(),
}
_ACCESS = Access(0)
_DEEDS = (*_WORDS, "SMC", "MSR")
_KINDS = tuple(str(kind) for kind in Kind)
_ACCESS_FIELDS = ("width_bytes", "value", "has_syndrome", "register_bits", "sign_extend")


class ScriptError(HarnessError):
    """A line that is no step."""


def scene_line(name: str) -> str:
    """The line that a script begins with."""
    return f"scene {name}"


def lines_of(text: str) -> dict[int, str]:
    """The lines that mean something, without steps' numbers and comments, by place in the text."""
    plain = (_NUMBERED.sub("", line.split("#")[0]).strip() for line in text.splitlines())
    return {place: line for place, line in enumerate(plain, 1) if line}


def numbered(lines: list[str]) -> str:
    """The scene's line, then numbered steps."""
    shown = [f"{n:>3} {line}" if n else line for n, line in enumerate(lines)]
    return "\n".join(shown) + "\n"


def show(made: Step, ground: Ground) -> str:
    """One step as a line."""
    match made:
        case Peek():
            return f"PEEK addr={ground.name(made.pa)}{_on(made.pe)}"
        case Wake():
            return f"WAKE on={made.pe}{' irq=1' if made.irq else ''}"
    names = _inputs(made.name, len(made.args))
    words = [made.name, *(f"{n}={ground.name(a)}" for n, a in zip(names, made.args, strict=True))]
    line = " ".join(words) + _on(made.pe) + (" irq=1" if made.irq else "")
    if made.fields:
        line += " with " + " ".join(
            _shown_field(made.name, *field, ground) for field in made.fields
        )
    return line + (f" doing {show_deed(made.deed)}" if made.deed != Nop() else "")


def read(line: str, ground: Ground) -> Step:
    """The step that a line stands for. Raises ScriptError."""
    try:
        return _Reader(line, ground).step()
    except (ValueError, AbiError) as problem:
        raise ScriptError(
            f"this line is no step: {line!r}: {problem}",
            hint="a step is COMMAND name=value ..., PEEK addr=..., WAKE on=...",
        ) from None


def _on(pe: int) -> str:
    return f" on={pe}" if pe else ""


def _inputs(name: str, count: int | None = None) -> list[str]:
    """The inputs of a command; ``count`` of them, further registers by number."""
    command = tables().commands.get(name)
    names = [register.name for register in command.inputs] if command else []
    if count is None:
        return names
    return [*names, *(f"x{n + 1}" for n in range(len(names), count))][:count]


def _shown_field(command: str, name: str, value: int | tuple[int, ...], ground: Ground) -> str:
    if isinstance(value, tuple):
        return f"{name}={','.join(ground.name(word) for word in value)}"
    if (command, name) == (_ENTER, "flags") and value:
        return f"{name}={'|'.join(b.name for b in _FLAGS.fields if value & b.mask)}"
    return f"{name}={ground.name(value) if value >= 0 else value}"


def show_deed(deed: Deed) -> str:
    """What the program is told, as after ``doing``."""
    for word, known in _WORDS.items():
        if deed == known:
            return word
    match deed:
        case Access():
            changed = [n for n in _ACCESS_FIELDS if getattr(deed, n) != getattr(_ACCESS, n)]
            rest = "".join(f" {n}={int(getattr(deed, n)):#x}" for n in changed)
            return f"{deed.kind} ipa={deed.ipa:#x}{rest}"
        case GicAccess():
            return f"MSR iss={deed.iss:#x} value={deed.value:#x}"
        case Smc():
            command = tables().by_fid.get(deed.arg(0))
            first = command.name if command else f"{deed.arg(0):#x}"
            return f"SMC x={','.join([first, *(f'{word:#x}' for word in deed.x[1:])])}"
    raise AssertionError(deed)


@dataclass(frozen=True, slots=True)
class _Reader:
    line: str
    ground: Ground

    def step(self) -> Step:
        head, doing, deed = self.line.partition(" doing ")
        head, _, page = head.partition(" with ")
        name, *words = head.split()
        given = dict(self._pairs(words))
        pe = _number("on", given.pop("on", "0"))
        irq = bool(_number("irq", given.pop("irq", "0")))
        if name == "WAKE":
            _require(given, (), ("on", "irq"))
            return Wake(pe, irq)
        if name == "PEEK":
            _require(given, ("addr",), ("on",))
            return Peek(self.ground.value(given["addr"]), pe)
        if not name.startswith("0x"):
            tables().command(name)
        names = _inputs(name, len(given))
        _require(given, names, _inputs(name))
        args = tuple(self.ground.value(given[one]) for one in names)
        fields: Fields = tuple(self._field(name, *pair) for pair in self._pairs(page.split()))
        return Issue(name, args, pe, fields, self._deed(deed) if doing else Nop(), irq)

    def _pairs(self, words: list[str]) -> Iterator[tuple[str, str]]:
        for word in words:
            name, equals, value = word.partition("=")
            if not equals:
                raise ValueError(f"{word!r} is not name=value")
            yield name, value

    def _field(self, command: str, name: str, text: str) -> tuple[str, int | tuple[int, ...]]:
        if command not in PAGES_OF:
            raise ValueError("it has no parameter page")
        layout = tables().struct(PAGES_OF[command][1]).field(name)
        if (command, name) == (_ENTER, "flags") and text[:1].isalpha():
            return name, sum(_FLAGS.bits(part).mask for part in text.split("|"))
        if "[" in layout.type:
            return name, tuple(self.ground.value(word) for word in text.split(",") if word)
        return name, self.ground.value(text)

    def _deed(self, text: str) -> Deed:
        word, *rest = text.split()
        if word in _WORDS:
            return _WORDS[word]
        given = dict(self._pairs(rest))
        if word == "SMC":
            _require(given, ("x",))
            first, *more = given["x"].split(",")
            fid = _number("x", first) if first.startswith("0x") else tables().command(first).fid
            return Smc((fid, *(_number("x", part) for part in more)))
        values = {name: _number(name, value) for name, value in given.items()}
        if word == "MSR":
            _require(given, ("iss",), ("value",))
            return GicAccess(**values)
        if word not in _KINDS:
            raise ValueError(f"no deed {word!r}, there are {', '.join((*_DEEDS, *_KINDS))}")
        _require(given, (), ("ipa", *_ACCESS_FIELDS))
        return Access(
            values.get("ipa", 0),
            Kind(word),
            values.get("width_bytes", _ACCESS.width_bytes),
            values.get("value", 0),
            has_syndrome=bool(values.get("has_syndrome", 1)),
            register_bits=values.get("register_bits", _ACCESS.register_bits),
            sign_extend=bool(values.get("sign_extend", 0)),
        )


def _require(given: Collection[str], needed: Sequence[str], more: Sequence[str] = ()) -> None:
    """Raise ValueError unless all that is needed is given, and nothing that there is not."""
    known = list(dict.fromkeys([*needed, *more]))
    for name in given:
        if name not in known:
            raise ValueError(f"no input {name!r}, it has {', '.join(known) or 'none'}")
    for name in needed:
        if name not in given:
            raise ValueError(f"input {name!r} is missing")


def _number(name: str, text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise ValueError(f"{name}={text}: {text!r} is no number") from None
