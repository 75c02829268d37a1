# SPDX-License-Identifier: BSD-3-Clause
"""build_stack on a stack of small fakes: what is packed, what is rebuilt, what is refused."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.errors import BuildError, ProvisionError, StackError
from harness.stack import BuiltStack, Cache, Progress, build_stack, checks, fip, load_stack
from harness.stack.in_tree import SourcesChanged
from harness.tests.stack_fakes import (
    INSTRUCTION,
    base_fip,
    elf_bytes,
    program,
    raw_image,
    write_stack,
)


class Steps(Progress):
    """Remembers what was built."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str]] = []

    def end(self, step: str, outcome: str) -> None:
        self.ended.append((step.split()[0], outcome))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def build(file: Path, cache: Cache, *overrides: str, steps: Steps | None = None) -> BuiltStack:
    return build_stack(load_stack(str(file), overrides), cache, steps, checkout=file.parent)


def error_of(file: Path, cache: Cache, *overrides: str) -> str:
    with pytest.raises(StackError) as caught:
        build(file, cache, *overrides)
    return str(caught.value)


def with_rmm(tmp_path: Path, table: str) -> Path:
    """Return a stack whose RMM comes from this table."""
    write_stack(tmp_path)
    own = tmp_path / "own.toml"
    own.write_text(f'extends = "fake.toml"\n[rmm]\n{table}\n')
    return own


def images_of(built: BuiltStack) -> dict[str, bytes]:
    package = fip.parse_fip(built.images["fip"].read_bytes(), "fip")
    names = {fip.BL2: "bl2", fip.BL31: "bl31", fip.BL33: "bl33", fip.RMM: "rmm"}
    return {names[image.uuid]: image.data for image in package.images}


def test_flash_holds_bl1_and_the_exchanged_fip(tmp_path: Path, cache: Cache) -> None:
    built = build(write_stack(tmp_path), cache)
    flash = built.flash.read_bytes()
    assert flash.startswith((tmp_path / "bl1.bin").read_bytes())
    assert flash[64 * 4096 :] == built.images["fip"].read_bytes()
    assert images_of(built) == {
        "bl2": b"bl2",
        "bl31": b"bl31",
        "bl33": (tmp_path / "host.bin").read_bytes(),
        "rmm": (tmp_path / "rmm.img").read_bytes(),
    }
    assert built.qemu == tmp_path / "qemu"
    assert built.versions["qemu"] == "QEMU emulator version 10.0.2 (fake)"
    assert set(built.images) == {"bl1", "fip", "rmm", "host"}


def test_without_rmm_the_trp_stays(tmp_path: Path, cache: Cache) -> None:
    write_stack(tmp_path)
    (tmp_path / "trp.elf").write_bytes(elf_bytes(b"trp"))
    own = tmp_path / "own.toml"
    own.write_text('extends = "fake.toml"\nwithout = ["rmm"]\n[tf-a]\ntrp = "trp.elf"\n')
    built = build(own, cache)
    assert images_of(built)["rmm"] == b"trp"
    assert built.elfs["rmm"] == tmp_path / "trp.elf"


def test_image_override_only_repacks(tmp_path: Path, cache: Cache) -> None:
    file = write_stack(tmp_path)
    plain = build(file, cache)
    mine = raw_image(tmp_path / "mine.img", fill=b"m")
    steps = Steps()
    built = build(file, cache, f"rmm.image={mine}", steps=steps)
    assert steps.ended == []
    assert images_of(built)["rmm"] == mine.read_bytes()
    assert (built.hash, built.flash) != (plain.hash, plain.flash)


def test_hash_follows_everything_that_matters(tmp_path: Path, cache: Cache) -> None:
    file = write_stack(tmp_path)
    plain = build(file, cache).hash
    assert build(file, cache).hash == plain
    assert build(file, cache, "machine.cpus=3").hash != plain
    raw_image(tmp_path / "rmm.img", fill=b"R")
    assert build(file, cache).hash != plain


def test_nothing_changed_is_no_work(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No program is started and nothing is written: that is why it is fast."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    file = write_stack(tmp_path)
    flash = build(file, cache).flash
    before, steps = flash.stat().st_ino, Steps()
    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert build(file, cache, steps=steps).flash == flash
    assert (flash.stat().st_ino, steps.ended) == (before, [])


# In-tree: a checkout of two files, a compiler that is a script.


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack with an in-tree RMM: copying a file is its build."""
    program(tmp_path / "bin" / "aarch64-linux-gnu-gcc", "echo fake-gcc 1.0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    folder = tmp_path / "images" / "rmm"
    folder.mkdir(parents=True)
    (folder / "rmm.c").write_bytes(INSTRUCTION + b"source")
    (folder / "Makefile").write_text(
        "all:\n\ttest -s $(ABI)/cca_abi.h\n\tcp rmm.c $(O)/rmm.img\n\t$(EXTRA)\n"
    )
    (tmp_path / "images" / "common").mkdir()
    return with_rmm(tmp_path, 'source = "in-tree"\npath = "images/rmm"\nimage = "rmm.img"')


def test_in_tree_is_built_once_and_again_when_an_input_changes(tree: Path, cache: Cache) -> None:
    steps = Steps()
    first = build(tree, cache, steps=steps)
    build(tree, cache, steps=steps)
    assert steps.ended == [("rmm", "built")]
    assert first.versions["rmm"].startswith("in-tree ")
    (tree.parent / "images" / "rmm" / "rmm.c").write_bytes(INSTRUCTION + b"edited")
    assert images_of(build(tree, cache, steps=steps))["rmm"] == INSTRUCTION + b"edited"
    (tree.parent / "images" / "common" / "new.h").write_text("")
    build(tree, cache, steps=steps)
    build(tree, cache, "rmm.variables=LOG_LEVEL=40", steps=steps)
    assert steps.ended == [("rmm", "built")] * 4


def test_another_compiler_is_another_build(tree: Path, cache: Cache) -> None:
    from harness.provision.requirements import program_version_line

    steps = Steps()
    build(tree, cache, steps=steps)
    program(tree.parent / "bin" / "aarch64-linux-gnu-gcc", "echo fake-gcc 2.0")
    program_version_line.cache_clear()
    build(tree, cache, steps=steps)
    program_version_line.cache_clear()
    assert steps.ended == [("rmm", "built")] * 2


def test_file_that_the_stack_lacks_is_named(tmp_path: Path) -> None:
    built = build_stack(load_stack(str(write_stack(tmp_path))), Cache(tmp_path / "cache"))
    assert built.elfs.get("host") is None
    with pytest.raises(StackError) as caught:
        _ = built.elfs["host"]
    assert caught.value.message == "stack fake has no elf of 'host', only of nothing"
    assert caught.value.hint == "add elf = … to [host], or --set host.elf=FILE"
    with pytest.raises(StackError, match="no image of 'realm', only of bl1, fip, host, rmm"):
        _ = built.images["realm"]


def test_compiler_that_says_nothing_is_no_compiler(tree: Path, cache: Cache) -> None:
    from harness.provision.requirements import program_version_line

    program(tree.parent / "bin" / "aarch64-linux-gnu-gcc", "exit 1")
    program_version_line.cache_clear()
    with pytest.raises(ProvisionError, match="aarch64-linux-gnu-gcc --version says nothing"):
        build(tree, cache)
    program_version_line.cache_clear()


def test_build_failure_shows_command_status_lines_and_log(tree: Path, cache: Cache) -> None:
    steps = Steps()
    stack = load_stack(str(tree), ["rmm.variables='EXTRA=@echo rmm.c:7: bad; exit 3'"])
    with pytest.raises(BuildError) as caught:
        build_stack(stack, cache, steps, checkout=tree.parent)
    text = str(caught.value)
    assert "[rmm]: build failed, exit status 2\n  command: make -C " in text
    assert "  | rmm.c:7: bad" in text
    assert "hint: the first error in the log is usually the cause" in text
    log = Path(text.split("  log: ")[1].splitlines()[0])
    assert "rmm.c:7: bad" in log.read_text()
    assert steps.ended == [("rmm", "failed")]
    assert list((cache.root / "tmp").iterdir()) == []


def test_build_without_the_output_is_refused(tree: Path, cache: Cache) -> None:
    text = error_of(tree, cache, "rmm.variables='EXTRA=rm $(O)/rmm.img'")
    assert "[rmm]: the build succeeded but left no rmm.img (image)\nhint: see " in text


def test_source_edited_once_during_the_build(tree: Path, cache: Cache) -> None:
    edit = "[ -e $(O)/../../edited ] || { touch $(O)/../../edited; echo >> rmm.c; }"
    built = build(tree, cache, f"rmm.variables='EXTRA={edit}'")
    assert images_of(built)["rmm"] == INSTRUCTION + b"source\n"
    assert len(list((cache.root / "entries").iterdir())) == 2  # the RMM and the flash


def test_sources_that_keep_changing(tree: Path, cache: Cache) -> None:
    with pytest.raises(SourcesChanged) as caught:
        build(tree, cache, "rmm.variables='EXTRA=echo >> rmm.c'")
    assert str(caught.value) == (
        "[rmm]: source files keep changing while they are being built\n"
        "hint: save everything and run again"
    )
    assert not (cache.root / "entries").exists()


def test_no_checkout(tree: Path, cache: Cache) -> None:
    (tree.parent / "images").rename(tree.parent / "moved")
    assert f"[rmm]: no folder {tree.parent}/images/rmm\nhint: in-tree" in error_of(tree, cache)


def test_missing_compiler(tree: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tree.parent / "no" / "make", "true")
    monkeypatch.setenv("PATH", str(tree.parent / "no"))
    with pytest.raises(ProvisionError) as caught:
        build(tree, cache)
    assert str(caught.value) == (
        "[rmm]: missing aarch64-linux-gnu-gcc\n"
        "hint: scripts/regress installs the Debian packages: gcc-aarch64-linux-gnu"
    )


# Local trees, built in place by the user's own command.


@pytest.fixture
def local(tmp_path: Path) -> Path:
    source = tmp_path / "src"
    source.mkdir()
    (source / "in").write_bytes(INSTRUCTION + b"in")
    build_command = "echo built >> ../count; mkdir -p out; cp in out/rmm.img"
    table = f'source = "local"\npath = "src"\nbuild = "{build_command}"\nimage = "out/rmm.img"'
    return with_rmm(tmp_path, table)


def test_local_tree_is_built_when_it_changed(local: Path, cache: Cache) -> None:
    count = local.parent / "count"
    assert images_of(build(local, cache))["rmm"] == INSTRUCTION + b"in"
    build(local, cache)
    assert count.read_text() == "built\n"
    (local.parent / "src" / "in").write_bytes(INSTRUCTION + b"edited")
    assert images_of(build(local, cache))["rmm"] == INSTRUCTION + b"edited"
    assert count.read_text() == "built\nbuilt\n"


def test_local_output_survives_a_clean_tree(local: Path, cache: Cache) -> None:
    built = build(local, cache)
    (local.parent / "src" / "out" / "rmm.img").unlink()
    assert built.images["rmm"].read_bytes() == INSTRUCTION + b"in"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("exit 7", "[rmm]: build failed, exit status 7\n  command: sh -ec 'exit 7'"),
        ("kill -9 $$", "[rmm]: build failed, killed by signal 9 (SIGKILL)"),
        ("no-such-tool", "hint: a tool or file is missing; `cca doctor`"),
        ("echo x: No space left on device; false", "hint: the disk is full: free some space"),
        ("true", "[rmm]: the build succeeded but left no x (image)"),
        ("false", "  | (no output)"),
    ],
)
def test_local_build_errors(tmp_path: Path, cache: Cache, command: str, message: str) -> None:
    (tmp_path / "src").mkdir()
    table = f'source = "local"\npath = "src"\nbuild = "{command}"\nimage = "x"'
    assert message in error_of(with_rmm(tmp_path, table), cache)


def test_local_tree_missing(tmp_path: Path, cache: Cache) -> None:
    file = with_rmm(tmp_path, 'source = "local"\npath = "gone"\nbuild = "true"\nimage = "x"')
    assert f"[rmm]: no folder {tmp_path}/gone\nhint: check rmm.path" in error_of(file, cache)


# Prebuilt files: every absurd one is refused before anything boots.


def test_missing_prebuilt_file(tmp_path: Path, cache: Cache) -> None:
    text = error_of(write_stack(tmp_path), cache, f"rmm.image={tmp_path}/none.img")
    assert f"[rmm] image: {tmp_path}/none.img does not exist\nhint: check --set rmm.image=" in text
    text = error_of(write_stack(tmp_path), cache, f"rmm.image={tmp_path}")
    assert f"[rmm] image: {tmp_path} is not a regular file" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty\nhint: was its build or copy interrupted?"),
        (bytes(100), "does not begin with an instruction (first word 00000000)"),
        (b"\x1f", "does not begin with an instruction (first word 1f)"),
        (b"\x7fELF" + bytes(60), "is an ELF file, not a raw image\nhint: give the raw image"),
        (b"\x1f\x8b\x08\x00rest", "is a gzip file, not a raw image"),
        (b"#!/bin/sh\n", "is a script, not a raw image"),
        (base_fip(), "is a firmware image package (FIP), not a raw image"),
    ],
)
def test_absurd_rmm_image(tmp_path: Path, cache: Cache, content: bytes, message: str) -> None:
    bad = tmp_path / "bad.img"
    bad.write_bytes(content)
    text = error_of(write_stack(tmp_path), cache, f"rmm.image={bad}")
    assert f"[rmm] image: {bad} {message}" in text


def test_oversized_rmm_image(tmp_path: Path, cache: Cache) -> None:
    big = raw_image(tmp_path / "big.img")
    os.truncate(big, 24 << 20)
    text = error_of(write_stack(tmp_path), cache, f"rmm.image={big}")
    assert f"{big} has 25165824 bytes, the most that fits is {checks.RMM_MAX_BYTES}" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text", "is not an ELF file"),
        (b"\x7fELF", "is not a 64-bit little-endian ELF file"),
        (elf_bytes(b"code", machine=62), "is an ELF file for machine 62, not AArch64 (183)"),
        (elf_bytes(b"other code"), "its code is not in the image\nhint: give the ELF of the same"),
        (elf_bytes(b"code")[:100], "is cut short inside its program headers"),
        (elf_bytes(b"code")[:-1], "is cut short inside a segment"),
    ],
)
def test_wrong_elf(tmp_path: Path, cache: Cache, content: bytes, message: str) -> None:
    file = write_stack(tmp_path)
    (tmp_path / "rmm.elf").write_bytes(content)
    overrides = (f"rmm.image={tmp_path}/rmm.img", f"rmm.elf={tmp_path}/rmm.elf")
    assert message in error_of(file, cache, *overrides)


def test_right_elf(tmp_path: Path, cache: Cache) -> None:
    file = write_stack(tmp_path)
    (tmp_path / "rmm.elf").write_bytes(elf_bytes(INSTRUCTION + b"rrr"))
    built = build(file, cache, f"rmm.elf={tmp_path}/rmm.elf", f"rmm.image={tmp_path}/rmm.img")
    assert built.elfs == {"rmm": tmp_path / "rmm.elf"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nothing", "not a firmware image package (FIP)\nhint: give the fip.bin"),
        (base_fip()[:40], "cut short inside its table of contents"),
        (base_fip()[:-1], "cut short: image 6c0762a6-12f2-4b56-92cb-ba8f633606d9 should end at"),
        (fip.pack_fip(fip.Fip(0, 0, ())), "has no BL2 and no BL31\nhint: give the fip.bin"),
    ],
)
def test_wrong_fip(tmp_path: Path, cache: Cache, content: bytes, message: str) -> None:
    file = write_stack(tmp_path)
    (tmp_path / "fip.bin").write_bytes(content)
    assert message in error_of(file, cache)


def test_package_larger_than_the_flash(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "FLASH_BYTES", checks.FIP_OFFSET + 100)
    text = error_of(write_stack(tmp_path), cache)
    assert "does not fit the flash\nhint: the host image is usually the large one" in text


def test_fip_round_trip() -> None:
    package = fip.parse_fip(base_fip(), "fip")
    assert fip.pack_fip(package) == base_fip()
    added = fip.Fip(1, 2, ()).exchange({fip.BL33: b"x"})
    assert fip.parse_fip(fip.pack_fip(added), "fip") == added


def test_debian_kind_is_for_programs(tmp_path: Path, cache: Cache) -> None:
    file = with_rmm(tmp_path, 'source = "debian"\npackage = "x"\nimage = "y"')
    assert "[rmm]: source 'debian' is only for programs such as qemu" in error_of(file, cache)


def test_missing_patch(tmp_path: Path, cache: Cache) -> None:
    table = 'source = "debian-source"\npackage = "p"\nversion = "1"\nbuild = "true"\n'
    file = with_rmm(tmp_path, f'{table}patches = ["no.patch"]\nimage = "y"')
    assert f"[rmm]: no patch {tmp_path}/no.patch\nhint: patches lie" in error_of(file, cache)
