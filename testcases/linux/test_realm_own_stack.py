# SPDX-License-Identifier: BSD-3-Clause
"""A stack of a user's own: prebuilt files and source trees with build commands, booted."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.host import Host
from harness.launch.ask import ask_host
from harness.layouts import read_layouts
from harness.stack import BuiltStack, build_stack, load_stack
from harness.stack.probe import build_kvm_probe

pytestmark = [pytest.mark.linux, pytest.mark.slow]

LKVM = """\
case "$*" in *--help*) echo " --realm  --measurement-algo" ;; *) echo "kvmtool 3.18" ;; esac
"""

STACK = """
name = "mine"
extends = "embedded-linux"
[rmm]
source = "local"
path = "rmm"
build = "cp ready.img rmm.img"
image = "rmm.img"
[kernel]
source = "prebuilt"
image = "Image"
modules = "modules.tar"
[vmm]
source = "local"
path = "kvmtool"
build = "(echo '#!/bin/sh'; cat source) > lkvm"
image = "lkvm"
[rootfs]
overlay = ["rearm.image:/usr/bin/cca-rearm:755", "vmm.image:/usr/bin/lkvm:755"]
"""


@pytest.fixture
def own(host_stack: BuiltStack, own_folder: Path) -> BuiltStack:
    """The RMM and a VMM from trees with build commands, the kernel as files."""
    (own_folder / "rmm").mkdir()
    (own_folder / "rmm" / "ready.img").write_bytes(host_stack.images["rmm"].read_bytes())
    (own_folder / "kvmtool").mkdir()
    (own_folder / "kvmtool" / "source").write_text(LKVM)
    kernel = host_stack.images["kernel"]
    (own_folder / "Image").symlink_to(kernel)
    (own_folder / "modules.tar").symlink_to(kernel.parent / "modules")
    file = own_folder / "mine.toml"
    file.write_text(STACK)
    return build_stack(load_stack(str(file)))


def test_realm_host_of_ones_own_parts_boots(own: BuiltStack, own_folder: Path) -> None:
    """Each part is used: the local RMM, the prebuilt kernel, the VMM in the root file system."""
    assert own.versions["rmm"].startswith("local ")
    assert own.versions["kernel"].startswith("prebuilt ")
    with Host.boot(own, own_folder / "run") as host:
        abilities = ask_host(host.shell, build_kvm_probe())
    found = abilities.programs["lkvm"]
    assert (found.path, found.version) == ("/usr/bin/lkvm", "kvmtool 3.18")
    assert "--realm" in found.help
    assert "/dev/rmi" not in abilities.devices
    assert abilities.lacks("kvmtool").startswith("KVM of kernel ")
    assert read_layouts(own.images["kernel"]).struct("kvm_run") is not None
