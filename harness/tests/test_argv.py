# SPDX-License-Identifier: BSD-3-Clause
"""The QEMU command line, from tables: no QEMU is needed to check it."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness.machine.argv import TapPlugin, Wiring, interactive_argv, qemu_argv, reproduction_script
from harness.tests.fakes import FakeShape, FakeStack

_SHAPE = FakeShape(3 << 30, 2, "max,x-rme=on", "tcg,thread=multi", "virt,secure=on", ("-s",))
_STACK = FakeStack(Path("/opt/q emu"), Path("/tmp/flash.bin"), machine=_SHAPE)
_WIRING = Wiring({"ns": 5, "secure": 6}, 7, 8)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("-M", "virt,secure=on,memory-backend=ram"),
        ("-cpu", "max,x-rme=on"),
        ("-accel", "tcg,thread=multi"),
        ("-m", "3072M"),
        ("-smp", "2"),
        ("-bios", "/tmp/flash.bin"),
        (
            "-object",
            "memory-backend-file,id=ram,size=3221225472,mem-path=/proc/self/fd/8,share=on",
        ),
        ("-chardev", "socket,id=ns,fd=5"),
        ("-serial", "chardev:ns"),
        ("-mon", "chardev=qmp,mode=control"),
        ("-display", "none"),
    ],
)
def test_option_and_value(option: str, value: str) -> None:
    argv = qemu_argv(_STACK, _WIRING)
    first = argv.index(option)
    assert argv[first + 1] == value


def test_consoles_come_in_the_order_of_the_uarts() -> None:
    argv = qemu_argv(_STACK, _WIRING)
    assert [argv[n + 1] for n, word in enumerate(argv) if word == "-serial"] == [
        "chardev:ns",
        "chardev:secure",
    ]


def test_extra_arguments_come_last() -> None:
    assert qemu_argv(_STACK, _WIRING)[-1] == "-s"


def test_anonymous_memory_names_no_backend() -> None:
    text = " ".join(qemu_argv(_STACK, Wiring({}, 7)))
    assert "memory-backend" not in text


def test_interactive_command_has_no_inherited_descriptor() -> None:
    text = " ".join(interactive_argv(_STACK))
    assert "fd=" not in text
    assert "/proc/self" not in text
    assert "-serial stdio -serial null" in text


def test_script_is_valid_shell_and_quotes(tmp_path: Path) -> None:
    script = reproduction_script(_STACK, qemu_argv(_STACK, _WIRING))
    assert "exec '/opt/q emu'" in script
    path = tmp_path / "qemu.sh"
    path.write_text(script)
    shell = shutil.which("sh") or "sh"
    assert subprocess.run([shell, "-n", str(path)], check=False).returncode == 0


def test_words_of_several_lines_are_no_commands_of_the_script(tmp_path: Path) -> None:
    """What the harness ran is told in a comment."""
    (tmp_path / "qemu").write_text("#!/bin/sh\n")
    (tmp_path / "qemu").chmod(0o755)
    shape = replace(_SHAPE, extra_args=("-append", f"a\ntouch {tmp_path}/made\n"))
    stack = replace(_STACK, qemu=tmp_path / "qemu", machine=shape)
    script = reproduction_script(stack, qemu_argv(stack, _WIRING))
    assert subprocess.run(["sh", "-c", script], check=False).returncode == 0
    assert not (tmp_path / "made").exists()


def test_tap_gets_its_file_and_the_ram() -> None:
    tap = TapPlugin(Path("/c/a,b.so"), "abc", limit_bytes=4096, others=False, instructions=True)
    argv = qemu_argv(_STACK, replace(_WIRING, tap=(tap, Path("/r/calls.tap"))))
    assert argv[argv.index("-plugin") + 1] == (
        "/c/a,,b.so,out=/r/calls.tap,stack=abc,others=count,"
        "ram=/proc/self/fd/8,base=0x40000000,count=on,limit=4096"
    )


def test_tap_without_shared_ram_or_limits() -> None:
    wiring = replace(_WIRING, ram=None, tap=(TapPlugin(Path("/t.so")), Path("/r/calls.tap")))
    assert "/t.so,out=/r/calls.tap,stack=,others=record" in qemu_argv(_STACK, wiring)
    assert "-plugin" not in qemu_argv(_STACK, _WIRING)


def test_a_plugin_that_does_not_record_gets_no_file() -> None:
    tap = TapPlugin(Path("/c/a,b.so"), "abc", record=False)
    argv = qemu_argv(_STACK, replace(_WIRING, tap=(tap, Path("/r/calls.tap"))))
    assert argv[argv.index("-plugin") + 1] == "/c/a,,b.so,record=off"
