# SPDX-License-Identifier: BSD-3-Clause
"""A recording with everything that a timeline shows: two realms, exits, failures, a loss."""

from __future__ import annotations

from harness.abi import Value, tables
from harness.tap import State
from harness.tests.tap_files import RAM, Writer, fid, structure

RD, REC, RUN = 0x8000_0000, 0x8001_0000, RAM + 0x4000
RD2, REC2 = 0x8010_0000, 0x8011_0000
PARAMS = RAM + 0x3000
REASON = tables().enum("RmiRecExitReason")
DATA_ABORT_READ = 0x24 << 26 | 1 << 24 | 2 << 22
MMIO_IPA = 0x80_0900_0018
EMUL = tables().bitfield("RmiRecEnterFlags").encode(EMUL_MMIO=1)
INPUT = tables().statuses["RMI_ERROR_INPUT"]


class Story(Writer):
    """Writes what happens around a call along with it."""

    def rmi(self, name: str, *args: int, result: int = 0, cpu: int = 0) -> int:
        """A call of the host with the RMM's hand-over; returns the call's number."""
        call = self.call(name, *args, cpu=cpu)
        self.done(result, cpu=cpu)
        self.back(call, result, cpu=cpu)
        return call

    def done(self, *results: int, cpu: int = 0, rec: int = 0) -> int:
        """The RMM hands results over."""
        return self.call(
            "RMM_RMI_REQ_COMPLETE", *results, cpu=cpu, state=State.REALM, level=2, rec=rec
        )

    def create(self, rd: int, rec: int) -> None:
        """A realm with one REC."""
        given = structure("RmiRealmParams", s2sz=40, rtt_base=rd + 4096)
        call = self.call("RMI_REALM_CREATE", rd, PARAMS, memory=(PARAMS, given))
        self.done()
        self.back(call, 0)
        aux = structure("RmiRecParams", pc=0x10000, num_aux=1, aux=(rec + 0x7000,))
        call = self.call("RMI_REC_CREATE", rd, rec, PARAMS, memory=(PARAMS, aux))
        self.done()
        self.back(call, 0)
        self.rmi("RMI_REALM_ACTIVATE", rd)

    def enter(self, rec: int, cpu: int = 0, **brought: Value) -> int:
        """The host enters a REC."""
        data = structure("RmiRecEnter", **brought)
        return self.call("RMI_REC_ENTER", rec, RUN, cpu=cpu, memory=(RUN, data))

    def leave(self, call: int, rec: int, reason: str, cpu: int = 0, **fields: Value) -> None:
        """The REC is left."""
        self.done(cpu=cpu, rec=rec)
        data = structure("RmiRecExit", exit_reason=REASON[reason], **fields)
        self.back(call, 0, cpu=cpu, memory=(RUN + 0x800, data))

    def inside(self, name: str, *args: int, rec: int = REC, cpu: int = 0) -> int:
        """A realm makes a call."""
        return self.call(name, *args, cpu=cpu, state=State.REALM, level=1, rec=rec)

    def answer(self, call: int, *values: int, rec: int = REC, cpu: int = 0) -> None:
        """A realm gets its answer."""
        self.back(call, *values, cpu=cpu, state=State.REALM, level=1, rec=rec)


def story() -> Story:
    """Everything once."""
    told = Story()
    told.call("RMM_BOOT_COMPLETE", state=State.REALM, level=2)
    told.create(RD, REC)
    entry = told.enter(REC)
    host_call = told.inside("RSI_HOST_CALL", 0x12000)
    told.leave(entry, REC, "HOST_CALL", imm=0xCCA)
    told.rmi("RMI_RTT_READ_ENTRY", RD, 0x10000, 3)
    entry = told.enter(REC)
    told.answer(host_call, 0)
    told.leave(entry, REC, "SYNC", esr=DATA_ABORT_READ, far=0x18, hpfar=MMIO_IPA >> 12 << 4)
    entry = told.enter(REC, flags=EMUL, gprs=(0x1234,))
    told.inside("PSCI_SYSTEM_OFF")
    told.leave(entry, REC, "PSCI", gprs=(fid("PSCI_SYSTEM_OFF"),))
    told.rmi("RMI_REC_ENTER", REC, RUN, result=INPUT)
    told.create(RD2, REC2)
    entry = told.enter(REC2, cpu=1)
    told.leave(entry, REC2, "IRQ", cpu=1)
    told.rmi("RMI_REC_DESTROY", REC)
    told.rmi("RMI_REALM_DESTROY", RD)
    told.lose(3)
    told.rmi("RMI_GRANULE_DELEGATE", 0x1001, result=INPUT)
    told.call("RMI_VERSION", 0x10000)
    return told
