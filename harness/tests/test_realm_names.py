# SPDX-License-Identifier: BSD-3-Clause
"""Names for a realm's addresses, where other worlds have the same addresses."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.elf import ElfFile
from harness.machine import Machine
from harness.machine.realm_names import RealmNames
from harness.tests.fakes import FakeStack

BASE = 0x1_0000
KERNEL_BASE = 0xFFFF_8000_8001_0000

SOURCE = """\
void {name}(void)
{{
    __asm__ volatile("nop; nop; nop; nop");
}}
static __attribute__((noinline)) void twice(void)
{{
    __asm__ volatile("nop; nop");
}}
void call_{name}(void) {{ twice(); twice(); }}
"""

OOPS = """\
[    1.2] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000
[    1.2] Modules linked in: [last unloaded: old]
[    1.2] pc : crash+0x8/0x18
[    1.2] lr : idle+0x8/0x18 [driver]
[    1.2] sp : ffff800083e3bc40
[    1.2] x29: ffff800083e3bc40 x28: {raw:016x} x27: 0000000000000000
[    1.2] Call trace:
[    1.2]  crash+0x8/0x18 (P)
[    1.2]  twice+0x4/0x10
"""

RECORDED = """\
[   29.773325] watchdog: BUG: soft lockup - CPU#0 stuck for 24s! [swapper/0:1]\r
[   29.792335] pstate: 80402005 (Nzcv daif +PAN -UAO -TCO -DIT -SSBS BTYPE=--)\r
[   29.792407] pc : clear_page+0x4/0x68\r
[   29.793233] lr : post_alloc_hook+0xc0/0x1a0\r
[   29.802266] Call trace:\r
[   29.802606]  clear_page+0x4/0x68 (P)\r
[  175.923300] sysrq: Trigger a crash\r
[  175.997981] Kernel panic - not syncing: sysrq triggered crash\r
[  177.274697] Call trace:\r
[  177.356772]  show_stack+0x20/0x40 (C)\r
[  179.115871]  panic+0x8/0x70\r
[  179.608801]  sysrq_handle_crash+0x4/0x38\r
[  183.311888] Kernel Offset: 0x4f3ce1e00000 from 0xffff800080000000\r
[  183.946014] PHYS_OFFSET: 0xfff1000040000000\r
realm-run: end: reset asked for\r
"""

Link = Callable[..., Path]


@pytest.fixture
def link(tmp_path: Path) -> Link:
    """Make an ELF file of some functions at an address."""
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    if compiler is None:
        pytest.skip("no cross compiler")

    def make(base: int, *names: str) -> Path:
        sources = [tmp_path / f"{name}.c" for name in names]
        for name, source in zip(names, sources, strict=True):
            source.write_text(SOURCE.format(name=name))
        output = tmp_path / f"{'-'.join(names)}.elf"
        flags = ["-g", "-O1", "-static", "-nostdlib", "-ffreestanding", "-Wl,--build-id=none"]
        place = [f"-Wl,-Ttext={base:#x},-e,{names[0]}"]
        subprocess.run([compiler, *flags, *place, "-o", output, *sources], check=True)
        return output

    return make


def machine_of(folder: Path, **elfs: Path) -> Machine:
    """A machine that was not started."""
    return Machine(FakeStack(Path("qemu"), Path("flash"), elfs=elfs), folder, "m")


def test_console_decides_whose_address_it_is(link: Link, tmp_path: Path) -> None:
    """The payload and BL31 are linked to the same addresses here."""
    machine = machine_of(tmp_path, bl31=link(BASE, "serve"), realm=link(BASE, "op_read"))
    at = machine.symboliser.address("bl31", "serve")
    for console in ("", "ns", "secure"):
        assert machine.symbolise(at, console).startswith(f"{at:#x} bl31: serve+0x0 serve.c:")
    named = machine.symbolise(at, "realm")
    assert named.startswith(f"{at:#x} realm: op_read+0x0 op_read.c:")


def test_no_name_of_another_world_for_what_the_realm_showed(link: Link, tmp_path: Path) -> None:
    machine = machine_of(tmp_path, bl31=link(BASE, "serve"))
    at = machine.symboliser.address("bl31", "serve")
    assert machine.symbolise(at, "realm") == f"{at:#x}"


def test_exception_that_realm_run_tells_of(link: Link) -> None:
    """Of all its numbers only the program counter is a place in the payload."""
    elf = link(BASE, "op_read")
    at = ElfFile(elf).symbol("op_read").address + 8
    text = (
        f"realm-run: rec 0: fault of protected memory at {BASE:#x}: page mapped\n"
        f"realm-run: rec 0: read {BASE:#x} -> exception, esr 0x96000010, far {BASE:#x}, elr {at:#x}"
    )
    [named] = RealmNames({"realm": elf}, {}).in_text(text)
    assert re.fullmatch(rf"{at:#x} realm: op_read\+0x8 op_read\.c:\d+", named)


@pytest.mark.parametrize("offset", [0, 0x2A1E_8000_0000])
def test_crash_of_a_guest_kernel(link: Link, offset: int) -> None:
    """Places by name are right wherever the kernel is, addresses by the offset that it tells.

    What a module has under the name of one of its functions is another place.
    """
    elf = link(KERNEL_BASE, "crash", "idle")
    crash, idle = (ElfFile(elf).symbol(name).address for name in ("crash", "idle"))
    text = OOPS.format(raw=idle + 4 + offset)
    if offset:
        text += f"[    1.3] Kernel Offset: {offset:#x} from {KERNEL_BASE:#x}\n"
    first, second = RealmNames({"realm": elf}, {}).in_text(text)
    assert re.fullmatch(rf"{crash + 8 + offset:#x} realm: crash\+0x8 crash\.c:\d", first)
    assert re.fullmatch(rf"{idle + 4 + offset:#x} realm: idle\+0x4 idle\.c:\d", second)


def test_latest_of_several_reports_is_named(link: Link) -> None:
    """As a guest of realm-run said it, abridged: a soft lockup, then a panic without registers."""
    elf = link(KERNEL_BASE, "clear_page", "panic", "sysrq_handle_crash")
    names = RealmNames({"realm": elf}, {}).in_text(RECORDED)
    at = ElfFile(elf).symbol("panic").address + 0x8 + 0x4F3C_E1E0_0000
    assert names[0].startswith(f"{at:#x} realm: panic+0x8 panic.c:")
    assert [name.split()[2] for name in names] == ["panic+0x8", "sysrq_handle_crash+0x4"]


def test_name_that_several_functions_have_stands_for_none(link: Link) -> None:
    two = RealmNames({"realm": link(KERNEL_BASE, "crash", "idle")}, {})
    assert two.in_text("pc : twice+0x4/0x10\n") == []
    one = RealmNames({"realm": link(KERNEL_BASE, "crash")}, {})
    assert len(one.in_text("pc : twice+0x4/0x10\n")) == 1


def test_crash_of_a_guest_kernel_by_its_map(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("ffff800080010000 T _text\nffff800080010100 t crash\n")
    names = RealmNames({}, {"realm": tmp_path / "map", "kernel": tmp_path / "other"})
    text = "pc : 0xffff800080010108\nlr : crash+0x8/0x10\nsp : ffff800083e3bc40\n"
    assert names.in_text(text) == ["0xffff800080010108 realm: crash+0x8"]


def test_files_that_are_not_there_give_no_names(tmp_path: Path) -> None:
    absent = {"realm": tmp_path / "absent"}
    text = "pc : crash+0x8/0x18\nlr : 0xffff800080010108\n"
    assert RealmNames(absent, absent).in_text(text) == []
    assert RealmNames({}, {}).symbolise(BASE) == f"{BASE:#x}"


def test_last_addresses_are_named_where_there_are_many(link: Link) -> None:
    elf = link(KERNEL_BASE, *(f"f{n}" for n in range(16)))
    at = [ElfFile(elf).symbol(f"f{n}").address for n in range(16)]
    names = RealmNames({"realm": elf}, {}).in_text("\n".join(f"{one:016x}" for one in at))
    assert [name.split()[0] for name in names] == [f"{one:#x}" for one in at[:3:-1]]
