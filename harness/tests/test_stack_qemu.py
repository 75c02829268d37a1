# SPDX-License-Identifier: BSD-3-Clause
"""Which QEMU is accepted, and what is said about one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ProvisionError, StackError
from harness.stack import Cache, build_stack, load_stack, qemu
from harness.tests.stack_fakes import QEMU_10, program, write_stack


def error_of(file: Path, cache: Path, *overrides: str) -> str:
    with pytest.raises(StackError) as caught:
        build_stack(load_stack(str(file), overrides), Cache(cache))
    return str(caught.value)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            'echo "QEMU emulator version 7.2.15"',
            "qemu is version 7.2.15, at least 10.0 is needed (Realm Management Extension)\nhint: ",
        ),
        (
            "echo 'true (GNU coreutils) 9.1'",
            "qemu is no QEMU: --version says 'true (GNU coreutils) 9.1'\nhint: give the path",
        ),
        ("true", "--version prints no version within 10 s\nhint: is it a QEMU system emulator?"),
        (
            f"{QEMU_10}\ncase $* in *x-rme*) echo 'x-rme not found' >&2; exit 1;; esac",
            "qemu cannot make the machine: x-rme not found\nhint: cpu 'max,x-rme=on'",
        ),
        (f"{QEMU_10}\ncase $* in *-M*) exit 4;; esac", "cannot make the machine: exit status 4"),
    ],
)
def test_unfit_qemu(tmp_path: Path, script: str, message: str) -> None:
    assert message in error_of(write_stack(tmp_path, qemu=script), tmp_path / "cache")


def test_qemu_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu, "PROBE_TIMEOUT_S", 0.2)
    file = write_stack(tmp_path, qemu=f"{QEMU_10}\ncase $* in *-M*) exec sleep 9;; esac")
    text = error_of(file, tmp_path / "cache")
    assert "qemu did not start and quit: " in text
    assert "timed out after 0.2 seconds" in text


def test_old_qemu_is_enough_without_rme(tmp_path: Path) -> None:
    file = write_stack(tmp_path, qemu='case $* in *--version*) echo "QEMU version 7.2.15";; esac')
    stack = load_stack(str(file), ["machine.cpu=max"])
    assert build_stack(stack, Cache(tmp_path / "cache")).versions["qemu"] == "QEMU version 7.2.15"


def test_probe_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    counting = f"echo run >> {tmp_path}/runs\n{QEMU_10}"
    file = write_stack(tmp_path, qemu=counting)
    stack, cache = load_stack(str(file)), Cache(tmp_path / "cache")
    build_stack(stack, cache)
    runs = (tmp_path / "runs").read_text()
    build_stack(stack, cache)
    assert (tmp_path / "runs").read_text() == runs
    program(tmp_path / "qemu", f"{counting}\n# another build")
    build_stack(stack, cache)
    assert len((tmp_path / "runs").read_text()) > len(runs)


def test_qemu_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_stack(tmp_path)
    text = error_of(file, tmp_path / "cache", f"qemu.program={tmp_path}/none")
    assert f"[qemu] program: {tmp_path}/none is not an executable file\nhint: check --set" in text
    own = tmp_path / "own.toml"
    own.write_text('extends = "fake.toml"\n[qemu]\nsource = "debian"\npackage = "q"\nprogram = "p"')
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProvisionError) as caught:
        build_stack(load_stack(str(own)), Cache(tmp_path / "cache"))
    assert str(caught.value) == (
        "[qemu]: p is not on PATH\n"
        "hint: scripts/regress installs it (package q), or --set qemu.program=FILE"
    )
