# SPDX-License-Identifier: BSD-3-Clause
"""Rmi and Rsi against the tables: same names, same types, same registers, same numbers."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from enum import IntEnum

import pytest

from harness.abi import Command, tables
from harness.errors import AbiError
from harness.rmi import (
    EnterFlags,
    ExitReason,
    HashAlgo,
    PsciStatus,
    Ripas,
    Rmi,
    Rsi,
    RttState,
    measurement_bytes,
)
from harness.types import MASK64

RMI = [c for c in tables().commands.values() if c.name.startswith("RMI_")]
ALWAYS_EXIT = {"RSI_HOST_CALL", "RSI_IPA_STATE_SET"}
RSI = [
    c for c in tables().commands.values() if c.name.startswith("RSI_") and c.name not in ALWAYS_EXIT
]
IPA_NAMES = {"ipa", "base", "top"}


class Recorder:
    """A link that remembers what it was asked, and answers with success."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []
        self.pe = -1
        self.timeout_s = 0.0

    def smc(self, fid: int, *args: int, pe: int = 0, timeout_s: float = 10.0) -> tuple[int, ...]:
        self.asked.append((fid, *args))
        self.pe, self.timeout_s = pe, timeout_s
        return (0, *range(1, 17))

    def smc_each(
        self, calls: Sequence[tuple[int, ...]], *, pe: int = 0, stop_at_failure: bool = False
    ) -> list[tuple[int, ...]]:
        answers = [self.smc(*call, pe=pe) for call in calls]
        return answers[:2] if stop_at_failure else answers


def _type_of(name: str, kind: str, family: str) -> str:
    """How a parameter of the table has to be annotated."""
    if kind == "Address":
        return "Ipa | int" if family == "RSI" or name in IPA_NAMES else "Pa | int"
    return "bytes" if kind == "Bits512" else "int"


def _method_name(command: Command) -> str:
    return command.name.split("_", 1)[1].lower()


def _parameters(owner: type[Rmi | Rsi], command: Command) -> dict[str, str]:
    """Positional parameters of the method for a command, as they are written."""
    method = getattr(owner, _method_name(command))
    parameters = [*inspect.signature(method).parameters.values()][1:]
    return {p.name: p.annotation for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}


@pytest.mark.parametrize("command", RMI, ids=lambda c: c.name)
def test_rmi_method_has_the_parameters_of_the_table(command: Command) -> None:
    wanted = {r.name: _type_of(r.name, r.type, "RMI") for r in command.inputs}
    seen = _parameters(Rmi, command)
    assert list(seen.items()) == list(wanted.items())


@pytest.mark.parametrize("command", RSI, ids=lambda c: c.name)
def test_rsi_method_has_the_parameters_of_the_table(command: Command) -> None:
    wanted = {r.name: _type_of(r.name, r.type, "RSI") for r in command.inputs}
    if command.name == "RSI_MEASUREMENT_EXTEND":
        wanted["size"] += " | None"  # None: as many bytes as the value has
    assert _parameters(Rsi, command) == wanted


@pytest.mark.parametrize("command", RMI, ids=lambda c: c.name)
def test_rmi_method_issues_its_command(command: Command) -> None:
    link = Recorder()
    args = tuple(range(11, 11 + len(command.inputs)))
    result = getattr(Rmi(link, pe=3), _method_name(command))(*args)
    assert link.asked == [(command.fid, *args)]
    assert link.pe == 3
    assert (result.command, result.args) == (command, args)


@pytest.mark.parametrize(
    "command", [c for c in RSI if all(r.count == 1 for r in c.inputs)], ids=lambda c: c.name
)
def test_rsi_method_issues_its_command(command: Command) -> None:
    link = Recorder()
    args = tuple(range(11, 11 + len(command.inputs)))
    result = getattr(Rsi(link.smc), _method_name(command))(*args)
    assert link.asked == [(command.fid, *args)]
    assert (result.command, result.args) == (command, args)


def test_long_values_go_into_runs_of_registers() -> None:
    link = Recorder()
    rsi = Rsi(link.smc)
    rsi.measurement_extend(2, bytes(range(1, 10)))
    rsi.measurement_extend(2, b"", size=65)
    rsi.attestation_token_init(bytes(range(64)))
    extend, sized, token = link.asked
    assert extend[1:] == (2, 9, 0x0807060504030201, 0x09, 0, 0, 0, 0, 0, 0)
    assert sized[1:3] == (2, 65)
    assert token[1:3] == (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    assert len(token) == 9


def test_measurement_comes_back_lowest_byte_first() -> None:
    value = measurement_bytes(Rsi(Recorder().smc).measurement_read(0))
    assert value == b"".join(n.to_bytes(8, "little") for n in range(1, 9))


def test_other_pe_and_timeout_reach_the_link() -> None:
    link = Recorder()
    rmi = Rmi(link).on(2)
    rmi.rec_enter(0x1000, 0x2000, timeout_s=99)
    assert (link.pe, link.timeout_s) == (2, 99)
    assert rmi.pe == 2


def test_a_command_for_many_rows_of_arguments() -> None:
    """As many results as calls were made, each with its own arguments."""
    link = Recorder()
    rows = [(0x1000,), (0x2000,), (0x3000,)]
    done = Rmi(link, pe=1).each("RMI_GRANULE_DELEGATE", rows)
    fid = tables().command("RMI_GRANULE_DELEGATE").fid
    assert [result.args for result in done] == rows
    assert (link.asked, link.pe) == ([(fid, *row) for row in rows], 1)
    short = Rmi(link).each("RMI_GRANULE_DELEGATE", rows, stop_at_failure=True)
    assert [result.args for result in short] == rows[:2]


def test_negative_psci_status_is_a_register_value() -> None:
    link = Recorder()
    Rmi(link).psci_complete(1, 2, PsciStatus.DENIED)
    assert link.asked[0][3] == MASK64 - 2


def test_unknown_command_by_name() -> None:
    with pytest.raises(AbiError, match="no command named RMI_REC_LEAVE"):
        Rmi(Recorder()).call("RMI_REC_LEAVE")


@pytest.mark.parametrize(
    ("enum", "name"),
    [
        (Ripas, "RmiRipas"),
        (RttState, "RmiRttEntryState"),
        (HashAlgo, "RmiHashAlgorithm"),
        (ExitReason, "RmiRecExitReason"),
        (PsciStatus, "PsciReturnCode"),
    ],
)
def test_enum_equals_the_table(enum: type[IntEnum], name: str) -> None:
    assert {member.name: member.value for member in enum} == tables().enum(name)


def test_enter_flags_equal_the_table() -> None:
    wanted = {b.name: b.mask for b in tables().bitfield("RmiRecEnterFlags").fields}
    wanted["RIPAS_REJECT"] = wanted.pop("RIPAS_RESPONSE")  # named by what the bit says
    assert {flag.name: flag.value for flag in EnterFlags} == wanted
    assert int(EnterFlags.NONE) == 0


@pytest.mark.parametrize("register", [-4 & MASK64, -4 & 0xFFFF_FFFF])
def test_psci_status_of_a_register(register: int) -> None:
    assert PsciStatus.of(register) is PsciStatus.ALREADY_ON
    assert PsciStatus.of(0) is PsciStatus.SUCCESS
