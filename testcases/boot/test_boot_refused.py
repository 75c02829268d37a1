# SPDX-License-Identifier: BSD-3-Clause
"""A boot that the RMM refuses is reported as that, with the reason, not as a time-out.

The RMM-EL3 interface is spoiled on its way into the RMM: a few instructions in front of
the RMM's own entry change what EL3 passes. Another image does nothing but refuse.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.abi import codec, tables
from harness.errors import BootFailed
from harness.link import MailboxLink
from harness.machine import Machine
from harness.plugin.prepared import StackWith
from harness.realm import a64
from harness.stack import BuiltStack

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms", "mailbox")]

CODES = {n: v for n, v in tables().enum("RmmBootCode").items() if n != "SUCCESS"}
BOOT_COMPLETE = tables().command("RMM_BOOT_COMPLETE").fid
MANIFEST = codec("RmmManifest")
WORD = 4


def refusing_rmm(code: int) -> bytes:
    """An RMM that reports a boot code to EL3 and then stays where it is."""
    return a64.image(*a64.mov(0, BOOT_COMPLETE), *a64.mov(1, code), a64.smc(), a64.branch(0))


def spoiled_rmm(rmm: bytes, *spoil: int) -> bytes:
    """The RMM with instructions that run before its own first one.

    They lie behind the image; x0..x3 are what EL3 passes (PE, version, PEs, shared page).
    """
    first = int.from_bytes(rmm[:WORD], "little")
    behind = len(rmm) + -len(rmm) % WORD
    back = WORD - (behind + (len(spoil) + 1) * WORD)
    padded = a64.image(a64.branch(behind)) + rmm[WORD:].ljust(behind - WORD, b"\0")
    return padded + a64.image(*spoil, first, a64.branch(back))


def boot(built: BuiltStack, folder: Path) -> None:
    """Boot and wait for the normal world."""
    with Machine.launch(built, folder) as machine:
        MailboxLink(machine, built.elfs["host"]).hello(timeout_s=20)


def boot_error(stack_with: StackWith, folder: Path, rmm: bytes) -> str:
    """Boot with another RMM, which must fail; return what the error says."""
    file = folder / "rmm.img"
    file.write_bytes(rmm)
    with pytest.raises(BootFailed) as failed:
        boot(stack_with(f"rmm.image={file}"), folder)
    return str(failed.value)


@pytest.mark.parametrize("name", ["MANIFEST_DATA_ERROR", "UNKNOWN"])
def test_a_refused_boot_names_its_reason(
    stack_with: StackWith, own_folder: Path, name: str
) -> None:
    """RMM_BOOT_COMPLETE with an error: EL3 says so, the harness decodes the code."""
    error = boot_error(stack_with, own_folder, refusing_rmm(CODES[name]))
    assert "the RMM refused to boot" in error
    assert f"boot code {CODES[name]}, {name}" in error


def at(field: str) -> int:
    """Offset of a member of the boot manifest."""
    return MANIFEST.offset(field)


def increment(offset_bytes: int) -> list[int]:
    """Add 1 to a 64-bit member of the boot manifest."""
    return [
        a64.load_offset(9, 3, offset_bytes),
        a64.add(9, 9, 1),
        a64.store_offset(9, 3, offset_bytes),
    ]


SPOILED = [
    pytest.param("VERSION_NOT_VALID", [*a64.mov(1, 0x1_0000)], id="interface-version"),
    pytest.param("CPUS_OUT_OF_RANGE", [*a64.mov(2, 0)], id="no-pes"),
    pytest.param("CPUS_OUT_OF_RANGE", [*a64.mov(2, 0x1000)], id="too-many-pes"),
    pytest.param("CPU_ID_OUT_OF_RANGE", [*a64.mov(0, 0x1000)], id="pe-beyond-the-rmm"),
    pytest.param("CPU_ID_OUT_OF_RANGE", [*a64.mov(0, 1), *a64.mov(2, 1)], id="pe-beyond-the-count"),
    pytest.param("INVALID_SHARED_BUFFER", [*a64.mov(3, 0)], id="no-shared-page"),
    pytest.param("INVALID_SHARED_BUFFER", [a64.add(3, 3, 8)], id="misaligned-shared-page"),
    pytest.param(
        "MANIFEST_VERSION_NOT_SUPPORTED",
        [*a64.mov(9, 0x1_0000), a64.store_offset(9, 3, at("version"), width_bytes=4)],
        id="manifest-version",
    ),
    pytest.param("MANIFEST_DATA_ERROR", increment(at("banks_checksum")), id="bank-checksum"),
    pytest.param("MANIFEST_DATA_ERROR", increment(at("consoles_checksum")), id="console-checksum"),
    pytest.param("MANIFEST_DATA_ERROR", increment(at("num_banks")), id="bank-count"),
    pytest.param("MANIFEST_DATA_ERROR", increment(at("consoles")), id="console-pointer"),
]


@pytest.mark.parametrize(("reason", "spoil"), SPOILED)
def test_the_rmm_refuses_what_el3_may_not_pass(
    stack: BuiltStack, stack_with: StackWith, own_folder: Path, reason: str, spoil: list[int]
) -> None:
    """RMM boot: arguments and boot manifest are checked, the code says what is wrong."""
    rmm = spoiled_rmm(stack.images["rmm"].read_bytes(), *spoil)
    error = boot_error(stack_with, own_folder, rmm)
    assert f"RMM init failed: {CODES[reason]} " in error
    assert f"boot code {CODES[reason]}, {reason}" in error


def test_an_rmm_that_is_only_displaced_boots(
    stack: BuiltStack, stack_with: StackWith, own_folder: Path
) -> None:
    """The twin of the spoiled boots: the detour by itself does no harm."""
    file = own_folder / "rmm.img"
    file.write_bytes(spoiled_rmm(stack.images["rmm"].read_bytes(), a64.NOP))
    boot(stack_with(f"rmm.image={file}"), own_folder)


def test_an_rmm_that_hangs_is_a_time_out(stack_with: StackWith, own_folder: Path) -> None:
    """A boot without any answer is told from a refused one."""
    file = own_folder / "rmm.img"
    file.write_bytes(a64.image(a64.branch(0)))
    built = stack_with(f"rmm.image={file}")
    with Machine.launch(built, own_folder) as machine, pytest.raises(BootFailed) as failed:
        MailboxLink(machine, built.elfs["host"]).hello(timeout_s=1)
    assert "within 1 s" in str(failed.value)
    assert "refused to boot" not in str(failed.value)
