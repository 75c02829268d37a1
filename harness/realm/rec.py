# SPDX-License-Identifier: BSD-3-Clause
"""One REC and its run page: enter it, get a typed exit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

from harness.abi import Value, codec
from harness.link import Pending
from harness.realm.exits import Exit, decode_exit
from harness.realm.normal_world import NormalWorld
from harness.rmi import EnterFlags, Result
from harness.types import Pa

_RUN = codec("RmiRecRun")
_ENTER = codec("RmiRecEnter")
_EXIT_OFFSET = _RUN.offset("exit")
_EXIT_BYTES = codec("RmiRecExit").layout.size


def mpidr_of_index(index: int) -> int:
    """MPIDR of the nth REC (RMM specification, REC index): Aff0 has four bits."""
    aff0, rest = index & 0xF, index >> 4
    return aff0 | (rest & 0xFF) << 8 | (rest >> 8 & 0xFF) << 16 | (rest >> 16 & 0xFF) << 24


class EnterArea(TypedDict, total=False):
    """What the host hands to a REC; fields of RmiRecEnter."""

    flags: int
    gprs: Sequence[int]
    gicv3_hcr: int
    gicv3_lrs: Sequence[int]


@dataclass(slots=True)
class Rec:
    """A REC: its granule, auxiliary granules, run page and MPIDR."""

    world: NormalWorld
    pa: Pa
    aux: tuple[Pa, ...]
    run: Pa
    mpidr: int
    params: bytes

    def prepare(self, **area: Unpack[EnterArea]) -> None:
        """Write the enter area; fields not given are zero."""
        values: dict[str, Value] = {
            "flags": int(area.get("flags", EnterFlags.NONE)),
            "gprs": tuple(area.get("gprs", ())),
            "gicv3_hcr": area.get("gicv3_hcr", 0),
            "gicv3_lrs": tuple(area.get("gicv3_lrs", ())),
        }
        self.world.write(self.run, _ENTER.encode(**values))

    def last_exit(self) -> Exit:
        """Decode the exit area as it is now."""
        return decode_exit(self.world.read(Pa(self.run + _EXIT_OFFSET), _EXIT_BYTES))

    def try_enter(
        self, *, pe: int = 0, timeout_s: float = 10.0, **area: Unpack[EnterArea]
    ) -> Result:
        """RMI_REC_ENTER, whatever it answers."""
        self.prepare(**area)
        return self.world.rmi.on(pe).rec_enter(self.pa, self.run, timeout_s=timeout_s)

    def enter(self, *, pe: int = 0, timeout_s: float = 10.0, **area: Unpack[EnterArea]) -> Exit:
        """Run the REC until its next exit; CommandFailed if it cannot be entered."""
        self.try_enter(pe=pe, timeout_s=timeout_s, **area).require()
        return self.last_exit()

    def start(self, *, pe: int, **area: Unpack[EnterArea]) -> Pending[tuple[int, ...]]:
        """Enter on a PE without waiting; the answer's x0 tells whether it ran."""
        self.prepare(**area)
        fid = self.world.rmi.command("RMI_REC_ENTER").fid
        return self.world.link.start_smc(fid, self.pa, self.run, pe=pe)

    def destroy(self) -> None:
        """RMI_REC_DESTROY and give all its granules back."""
        self.world.rmi.rec_destroy(self.pa).require()
        self.world.undelegate_each((self.pa, *self.aux))


def rec_params(
    *,
    mpidr: int,
    pc: int,
    gprs: Sequence[int] = (),
    runnable: bool = True,
    aux: Sequence[Pa] = (),
    num_aux: int | None = None,
) -> bytes:
    """The RmiRecParams page; ``num_aux`` None counts ``aux``."""
    return codec("RmiRecParams").encode(
        flags=int(runnable),
        mpidr=mpidr,
        pc=pc,
        gprs=tuple(gprs),
        num_aux=len(aux) if num_aux is None else num_aux,
        aux=tuple(int(a) for a in aux),
    )
