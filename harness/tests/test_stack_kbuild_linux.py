# SPDX-License-Identifier: BSD-3-Clause
"""A real kernel: Debian's own Linux source with a minimal configuration, built by kbuild."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.provision.aptconf import release_codename
from harness.provision.packages import PackageIndex, own_architecture, unpack
from harness.stack import Cache, Progress, load_stack
from harness.stack.components import BuildContext, build_component

pytestmark = pytest.mark.nightly

STACK = """
extends = "embedded"
name = "minimal"
[kernel]
source = "kbuild"
path = "linux"
base = "tinyconfig"
config = ["CONFIG_PRINTK=y", "CONFIG_TTY=y", "CONFIG_SERIAL_AMBA_PL011=y",
          "CONFIG_SERIAL_AMBA_PL011_CONSOLE=y", "CONFIG_VIRTUALIZATION=y"]
image = "arch/arm64/boot/Image"
elf = "vmlinux"
map = "System.map"
"""
ARM64_MAGIC = b"ARM\x64"
MAGIC_AT = 56


@pytest.fixture
def linux(tmp_path: Path) -> Path:
    """The source that Debian builds its kernel of, unpacked beside a stack file."""
    suite = release_codename()
    downloads, unpacked = tmp_path / "downloads", tmp_path / "unpacked"
    downloads.mkdir()
    index = PackageIndex(Cache().root / "apt", suite, own_architecture())
    index.download(["linux-source-*"], downloads)
    unpack(downloads, unpacked)
    [archive] = unpacked.glob("usr/src/linux-source-*.tar.xz")
    (tmp_path / "linux").mkdir()
    command = ["tar", "xf", str(archive), "-C", str(tmp_path / "linux"), "--strip-components=1"]
    subprocess.run(command, check=True, timeout=1800)
    (tmp_path / "minimal.toml").write_text(STACK)
    return tmp_path / "linux"


def test_debians_linux_source_is_built_and_built_again(linux: Path, tmp_path: Path) -> None:
    """An Image comes out; after a change only what depends on it is compiled."""
    component = load_stack(str(tmp_path / "minimal.toml")).components["kernel"]
    context = BuildContext(Cache(tmp_path / "cache"), Progress())
    first = build_component(component, context)
    image = first.outputs["image"].read_bytes()
    assert image[MAGIC_AT : MAGIC_AT + 4] == ARM64_MAGIC
    assert b" start_kernel\n" in first.outputs["map"].read_bytes()
    changed = linux / "init" / "version.c"
    changed.write_text(changed.read_text() + "\n")
    second = build_component(component, context)
    [log] = (tmp_path / "cache" / "logs").glob("kernel-*.log")
    compiled = [line.split()[-1] for line in log.read_text().splitlines() if "  CC  " in line]
    assert "init/version.o" in compiled
    assert len(compiled) < 20
    assert second.hash != first.hash
