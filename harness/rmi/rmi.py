# SPDX-License-Identifier: BSD-3-Clause
"""Typed RMI calls: one method for each command of the table, the same over every link.

A test checks that names and types of the parameters equal the table's, so the table
stays the only definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from harness.abi import Command, tables
from harness.rmi.result import Result
from harness.types import MASK64, Ipa, Pa


class Caller(Protocol):
    """What carries a call to the normal world and back (a link)."""

    def smc(self, fid: int, *args: int, pe: int = 0, timeout_s: float = 10.0) -> tuple[int, ...]:
        """Issue one SMC on a PE; returns x0..x7."""
        ...

    def smc_each(
        self, calls: Sequence[tuple[int, ...]], *, pe: int = 0, stop_at_failure: bool = False
    ) -> list[tuple[int, ...]]:
        """Issue SMCs one after the other; returns x0..x7 of each that was executed."""
        ...


class Rmi:
    """RMI 1.0 as seen from the host; ``pe`` is the PE that issues the calls."""

    def __init__(self, link: Caller, *, pe: int = 0) -> None:
        self.link = link
        self.pe = pe

    def on(self, pe: int) -> Rmi:
        """The same calls issued by another PE."""
        return Rmi(self.link, pe=pe)

    def command(self, name: str) -> Command:
        """The table's entry of a command."""
        return tables().command(name)

    def call(self, name: str, *args: int, timeout_s: float = 10.0) -> Result:
        """Issue a command by name with raw register values."""
        command = self.command(name)
        x = self.link.smc(command.fid, *args, pe=self.pe, timeout_s=timeout_s)
        return Result(command, args, x)

    def each(
        self, name: str, rows: Sequence[tuple[int, ...]], *, stop_at_failure: bool = False
    ) -> list[Result]:
        """Issue a command once for each row of register values, as fast as the link can.

        With ``stop_at_failure`` the first that fails is the last: the list is shorter then.
        """
        command = self.command(name)
        calls = [(command.fid, *row) for row in rows]
        done = self.link.smc_each(calls, pe=self.pe, stop_at_failure=stop_at_failure)
        return [Result(command, row, x) for row, x in zip(rows, done, strict=False)]

    def version(self, req: int) -> Result:
        """RMI_VERSION."""
        return self.call("RMI_VERSION", req)

    def features(self, index: int) -> Result:
        """RMI_FEATURES."""
        return self.call("RMI_FEATURES", index)

    def granule_delegate(self, addr: Pa | int) -> Result:
        """RMI_GRANULE_DELEGATE."""
        return self.call("RMI_GRANULE_DELEGATE", addr)

    def granule_undelegate(self, addr: Pa | int) -> Result:
        """RMI_GRANULE_UNDELEGATE."""
        return self.call("RMI_GRANULE_UNDELEGATE", addr)

    def data_create(
        self, rd: Pa | int, data: Pa | int, ipa: Ipa | int, src: Pa | int, flags: int
    ) -> Result:
        """RMI_DATA_CREATE."""
        return self.call("RMI_DATA_CREATE", rd, data, ipa, src, flags)

    def data_create_unknown(self, rd: Pa | int, data: Pa | int, ipa: Ipa | int) -> Result:
        """RMI_DATA_CREATE_UNKNOWN."""
        return self.call("RMI_DATA_CREATE_UNKNOWN", rd, data, ipa)

    def data_destroy(self, rd: Pa | int, ipa: Ipa | int) -> Result:
        """RMI_DATA_DESTROY."""
        return self.call("RMI_DATA_DESTROY", rd, ipa)

    def realm_activate(self, rd: Pa | int) -> Result:
        """RMI_REALM_ACTIVATE."""
        return self.call("RMI_REALM_ACTIVATE", rd)

    def realm_create(self, rd: Pa | int, params_ptr: Pa | int) -> Result:
        """RMI_REALM_CREATE."""
        return self.call("RMI_REALM_CREATE", rd, params_ptr)

    def realm_destroy(self, rd: Pa | int) -> Result:
        """RMI_REALM_DESTROY."""
        return self.call("RMI_REALM_DESTROY", rd)

    def rec_create(self, rd: Pa | int, rec: Pa | int, params_ptr: Pa | int) -> Result:
        """RMI_REC_CREATE."""
        return self.call("RMI_REC_CREATE", rd, rec, params_ptr)

    def rec_destroy(self, rec: Pa | int) -> Result:
        """RMI_REC_DESTROY."""
        return self.call("RMI_REC_DESTROY", rec)

    def rec_enter(self, rec: Pa | int, run_ptr: Pa | int, *, timeout_s: float = 10.0) -> Result:
        """RMI_REC_ENTER."""
        return self.call("RMI_REC_ENTER", rec, run_ptr, timeout_s=timeout_s)

    def rtt_create(self, rd: Pa | int, rtt: Pa | int, ipa: Ipa | int, level: int) -> Result:
        """RMI_RTT_CREATE."""
        return self.call("RMI_RTT_CREATE", rd, rtt, ipa, level)

    def rtt_destroy(self, rd: Pa | int, ipa: Ipa | int, level: int) -> Result:
        """RMI_RTT_DESTROY."""
        return self.call("RMI_RTT_DESTROY", rd, ipa, level)

    def rtt_fold(self, rd: Pa | int, ipa: Ipa | int, level: int) -> Result:
        """RMI_RTT_FOLD."""
        return self.call("RMI_RTT_FOLD", rd, ipa, level)

    def rtt_read_entry(self, rd: Pa | int, ipa: Ipa | int, level: int) -> Result:
        """RMI_RTT_READ_ENTRY."""
        return self.call("RMI_RTT_READ_ENTRY", rd, ipa, level)

    def rtt_map_unprotected(self, rd: Pa | int, ipa: Ipa | int, level: int, desc: int) -> Result:
        """RMI_RTT_MAP_UNPROTECTED."""
        return self.call("RMI_RTT_MAP_UNPROTECTED", rd, ipa, level, desc)

    def rtt_unmap_unprotected(self, rd: Pa | int, ipa: Ipa | int, level: int) -> Result:
        """RMI_RTT_UNMAP_UNPROTECTED."""
        return self.call("RMI_RTT_UNMAP_UNPROTECTED", rd, ipa, level)

    def rtt_init_ripas(self, rd: Pa | int, base: Ipa | int, top: Ipa | int) -> Result:
        """RMI_RTT_INIT_RIPAS."""
        return self.call("RMI_RTT_INIT_RIPAS", rd, base, top)

    def rtt_set_ripas(self, rd: Pa | int, rec: Pa | int, base: Ipa | int, top: Ipa | int) -> Result:
        """RMI_RTT_SET_RIPAS."""
        return self.call("RMI_RTT_SET_RIPAS", rd, rec, base, top)

    def psci_complete(self, calling_rec: Pa | int, target_rec: Pa | int, status: int) -> Result:
        """RMI_PSCI_COMPLETE."""
        return self.call("RMI_PSCI_COMPLETE", calling_rec, target_rec, status & MASK64)

    def rec_aux_count(self, rd: Pa | int) -> Result:
        """RMI_REC_AUX_COUNT."""
        return self.call("RMI_REC_AUX_COUNT", rd)
