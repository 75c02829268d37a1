# SPDX-License-Identifier: BSD-3-Clause
"""The realm's program as the comparison knows it: commands, reports, what it is in the midst of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.abi import codec, tables
from harness.model import Access, Continues, Exits, GicAccess, Hvc, Kind, Smc, Wait
from harness.oracle.steps import NOP, Deed, Nap
from harness.realm import Report, a64

_OPS = tables().enum("PayloadOp")
_IMM = tables().constants["PAYLOAD_IMM"]
_HOST_CALL = codec("RsiHostCall")
_FID_HOST_CALL = tables().command("RSI_HOST_CALL").fid
_BASE, _FIRST, _SECOND, _NONE = 3, 0, 1, 31
NAP_OVER = 0x0A11_0C1E_A12E_ADED
_FOREVER = 1 << 62
RET = 0xD65F03C0
BEGUN_AT = _HOST_CALL.layout.size + codec("PayloadReport").offset("status")
"""In a REC's state: a word that the program clears when it begins with a command."""
FLAG_AT = _HOST_CALL.layout.size + codec("PayloadReport").layout.size
"""In a REC's state: a word that nothing here uses, on which a nap spins."""


class Phase(StrEnum):
    """What the program on a REC would do if it ran."""

    COLD = "COLD"
    WAITING = "WAITING"
    BUSY = "BUSY"


@dataclass(frozen=True, slots=True)
class Body:
    """The program on one REC.

    ``begun`` says that ``deed`` caused the last exit, ``owed`` is a result that the program
    has but could not report yet.
    """

    phase: Phase = Phase.COLD
    sequence: int = 0
    deed: Deed = NOP
    begun: bool = False
    owed: Continues | None = None


def resumed(body: Body, entry: Continues, *, emulated: bool) -> Continues | None:
    """What an entry makes of the deed: its result, or None when it is done now (again).

    ``emulated`` says that the host answered an access to unprotected memory.
    """
    if body.phase is not Phase.BUSY or not body.begun:
        return body.owed
    has_result = entry.exception or entry.verdict or entry.value is not None
    if entry.retried or not (has_result or emulated or _ends_with_its_exit(body.deed)):
        return None
    return entry


def _ends_with_its_exit(deed: Deed) -> bool:
    return not isinstance(deed, Access | Smc)


def command(deed: Deed, flag_ipa: int) -> tuple[int, ...]:
    """The registers that make the program do it."""
    match deed:
        case Access(kind=Kind.FETCH):
            return (_OPS["FETCH"], deed.ipa)
        case Access():
            return _access(deed)
        case Smc():
            return (_OPS["SMC"], *deed.x)
        case Hvc():
            return _execute(a64.hvc(0))
        case Wait():
            return _execute(a64.WFE if deed.is_wfe else a64.WFI)
        case GicAccess():
            return _execute(a64.msr(_FIRST, *_register(deed.iss)), (_FIRST, deed.value))
        case Nap():
            return (_OPS["SPIN_UNTIL"], flag_ipa, NAP_OVER, _FOREVER)
    return (_OPS["NOP"],)


def _access(deed: Access) -> tuple[int, ...]:
    is_write = deed.kind is Kind.WRITE
    if not deed.has_syndrome:
        pair = a64.store_pair if is_write else a64.load_pair
        registers = [(_FIRST, deed.value), (_SECOND, deed.value)]
        return _execute(pair(_FIRST, _SECOND, _BASE), (_BASE, deed.ipa), *registers)
    if deed.sign_extend:
        to_64bit = deed.register_bits == 64
        insn = a64.load(_FIRST, _BASE, width_bytes=deed.width_bytes, signed=True, to_64bit=to_64bit)
        return _execute(insn, (_BASE, deed.ipa), (_FIRST, 0))
    if is_write:
        return (_OPS["WRITE"], deed.ipa, deed.width_bytes, deed.value)
    return (_OPS["READ"], deed.ipa, deed.width_bytes)


def _execute(insn: int, *registers: tuple[int, int]) -> tuple[int, ...]:
    padded = (*registers, *((_NONE, 0),) * (3 - len(registers)))
    return (_OPS["EXECUTE"], insn, *(word for pair in padded for word in pair))


def _register(iss: int) -> tuple[int, int, int, int, int]:
    """op0, op1, CRn, CRm, op2 of a trapped system register access."""
    return iss >> 20 & 3, iss >> 14 & 7, iss >> 10 & 15, iss >> 1 & 15, iss >> 17 & 7


def report_call(rec_state_ipa: int, gprs: Sequence[int]) -> Smc:
    """The host call by which the program reports ``gprs``."""
    page = _HOST_CALL.encode(imm=_IMM, gprs=tuple(gprs))
    return Smc((_FID_HOST_CALL, rec_state_ipa), page)


def is_report(seen: Exits) -> bool:
    """The exit is a host call with the program's mark."""
    return seen.reason_name == "HOST_CALL" and seen.fields["imm"] == _IMM


def differences(
    body: Body, result: Continues, report: Report, memory: tuple[int, ...] | None
) -> list[str]:
    """Compare a report; ``memory`` are the words that a plain read had to find."""
    found = _unlike("command number", body.sequence, report.sequence)
    if result.exception is not None:
        return found + _exception(result, report)
    if not report.ok or report.exceptions:
        esr = f"status {report.status}, {report.exceptions} exceptions, ESR_EL1 {report.esr:#x}"
        return [*found, f"wanted no exception, seen {esr} at {report.far:#x}"]
    if result.verdict is not None and not result.verdict.accepts(report.values):
        found.append(result.verdict.explain(report.values))
    first = int(_is_executed(body.deed))
    if result.value is not None:
        memory = (result.value,)
    for n, word in enumerate(memory or ()):
        found += _unlike("value read", word, report.values[first + n])
    return found


def _is_executed(deed: Deed) -> bool:
    """Loaded registers come behind the base register."""
    return isinstance(deed, Access) and (deed.sign_extend or not deed.has_syndrome)


def _exception(result: Continues, report: Report) -> list[str]:
    wanted = result.exception
    assert wanted is not None
    seen = f"status {report.status}, {report.exceptions} exceptions, ESR_EL1 {report.esr:#x}"
    if not report.took_exception or report.exceptions != 1 or not wanted.accepts(report.esr):
        return [f"wanted {wanted}, seen {seen}"]
    return _unlike("FAR_EL1", wanted.ipa, report.far) if wanted.ipa else []


def _unlike(what: str, wanted: int, seen: int) -> list[str]:
    return [] if wanted == seen else [f"{what}: wanted {wanted:#x}, seen {seen:#x}"]
