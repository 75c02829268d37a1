# SPDX-License-Identifier: BSD-3-Clause
"""Which RETURN is recorded as whose, by the plugin's own code on moments that a test makes up."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.abi import tables
from harness.tap import Recording, Return
from harness.tap.layout import State
from harness.tests.tap_files import SOURCES, fid, make

REC, RUN, PC = 0x4100_0000, 0x4200_0000, 0x6000_0100
INPUT, ERROR_REC = (tables().statuses[name] for name in ("RMI_ERROR_INPUT", "RMI_ERROR_REC"))
PARTS = ("spool", "memory", "pending", "recorder", "options")
PLAYER = """
#include <stdio.h>
#include <string.h>
#include "recorder.h"

/* Each line: 1 for a call, 0 for a return; CPU, state, level, pc, x0..x3. */
int main(int argc, char **argv)
{
    struct options options;
    struct moment moment = { .complete = true };
    unsigned int call, cpu, state, level;
    unsigned long long pc, x[4];

    if (!options_parse(&options, argc - 1, argv + 1) || !recorder_open(&options, 4, 0))
        return 1;
    while (scanf("%u %u %u %u %llx %llx %llx %llx %llx", &call, &cpu, &state, &level, &pc,
             &x[0], &x[1], &x[2], &x[3]) == 9) {
        moment.cpu = cpu, moment.state = state, moment.level = level, moment.pc = pc;
        for (int n = 0; n < 4; n++)
            moment.x[n] = x[n];
        call ? recorder_call(&moment) : recorder_return(&moment);
    }
    recorder_close();
    return 0;
}
"""


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("player")
    make(folder, "generate")
    (folder / "player.c").write_text(PLAYER)
    objects = [str(folder / "obj-tap" / f"{part}.o") for part in PARTS]
    words = ["cc", "-pthread", f"-I{SOURCES}", f"-I{folder / 'abi'}", "player.c", *objects]
    subprocess.run([*words, "-o", "player"], cwd=folder, check=True)
    return folder / "player"


class Moments:
    """What happens, one after the other; every SMC is at ``PC``."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def host(self, name: str, *args: int, cpu: int = 0) -> None:
        self._add(1, cpu, State.NON_SECURE, 2, PC, fid(name), *args)

    def host_goes_on(self, status: int, cpu: int = 0) -> None:
        self._add(0, cpu, State.NON_SECURE, 2, PC + 4, status)

    def realm(self, name: str, cpu: int = 0) -> None:
        self._add(1, cpu, State.REALM, 1, PC, fid(name))

    def realm_goes_on(self, cpu: int = 0) -> None:
        self._add(0, cpu, State.REALM, 1, PC + 4, 0)

    def _add(self, call: int, cpu: int, state: State, level: int, *words: int) -> None:
        numbers = (*words, 0, 0, 0)[:5]
        self.lines.append(f"{call} {cpu} {state} {level} {' '.join(f'{n:x}' for n in numbers)}")

    def returns(self, player: Path, path: Path) -> list[str]:
        """Names of the calls whose returns were recorded, in their order."""
        text = "\n".join(self.lines)
        subprocess.run([player, f"out={path}"], input=text, text=True, check=True)
        return [event.name for event in Recording(path) if isinstance(event, Return)]


def exited() -> Moments:
    """A REC has left with a host call that waits."""
    moments = Moments()
    moments.host("RMI_REC_ENTER", REC, RUN)
    moments.realm("RSI_HOST_CALL")
    moments.host_goes_on(0)
    return moments


@pytest.mark.parametrize(
    ("name", "args", "status"),
    [("RMI_REC_CREATE", (RUN, REC, RUN), INPUT), ("RMI_REC_DESTROY", (REC,), ERROR_REC)],
)
def test_call_of_a_rec_that_stays_returns(
    player: Path, tmp_path: Path, name: str, args: tuple[int, ...], status: int
) -> None:
    moments = exited()
    moments.host(name, *args)
    moments.host_goes_on(status)
    moments.host("RMI_REC_ENTER", REC, RUN)
    moments.realm_goes_on()
    found = moments.returns(player, tmp_path / "x.tap")
    assert found == ["RMI_REC_ENTER", name, "RSI_HOST_CALL"]


def test_next_rec_there_goes_on_behind_no_call_of_the_last_one(
    player: Path, tmp_path: Path
) -> None:
    moments = exited()
    moments.host("RMI_REC_DESTROY", REC)
    moments.host_goes_on(0)
    moments.host("RMI_REC_ENTER", REC, RUN)
    moments.realm_goes_on()
    assert moments.returns(player, tmp_path / "x.tap") == ["RMI_REC_ENTER", "RMI_REC_DESTROY"]


def test_rec_goes_on_elsewhere(player: Path, tmp_path: Path) -> None:
    moments = exited()
    moments.host("RMI_REC_ENTER", REC, RUN, cpu=1)
    moments.realm_goes_on(cpu=1)
    found = moments.returns(player, tmp_path / "x.tap")
    assert found == ["RMI_REC_ENTER", "RSI_HOST_CALL"]
