# SPDX-License-Identifier: BSD-3-Clause
"""``realm-run --kernel``: a distribution's own kernel as a realm's guest."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from harness.host import Host
from harness.stack.cache import Cache
from harness.stack.components import BuildContext, build_component
from harness.stack.spec import Component, DebianPackages

pytestmark = [
    pytest.mark.linux,
    pytest.mark.realm,
    pytest.mark.slow,
    pytest.mark.requires("launcher-realm-run"),
]

KERNEL = DebianPackages(packages=("linux-binary-7.*-cloud-arm64",), suite="trixie-backports")
IMAGE = "usr/lib/modules/*/vmlinuz"
BOOT_TIMEOUT_S = 400.0

INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
echo "userland on $(nproc) CPUs"
dmesg | grep -o 'RME: .*'
poweroff -f
"""

MAKE_INITRD = """\
mkdir -p /tmp/guest/bin /tmp/guest/dev /tmp/guest/proc
cp /usr/bin/busybox /tmp/guest/bin/
mv /tmp/init /tmp/guest/init
cd /tmp/guest && find . | cpio -o -H newc > /tmp/guest.cpio
gunzip -f /tmp/Image.gz
"""

RUN = """\
realm-run --recs {recs} --kernel /tmp/Image --initrd /tmp/guest.cpio \
--append 'console=ttyAMA0 quiet panic=-1 rdinit=/init' --timeout 380
"""


@pytest.fixture(scope="session")
def guest_kernel() -> Path:
    """Debian's kernel with support for being in a realm."""
    component = Component("guest-kernel", KERNEL, {"image": IMAGE})
    return build_component(component, BuildContext(Cache())).outputs["image"]


@pytest.mark.parametrize("recs", [pytest.param(1, marks=pytest.mark.nightly), 2])
def test_stock_kernel_boots_in_a_realm(host: Host, guest_kernel: Path, recs: int) -> None:
    """It finds out where it is, brings all its CPUs up, runs a program and switches off (RSI)."""
    host.ssh.put(gzip.compress(guest_kernel.read_bytes(), 3), "/tmp/Image.gz")
    host.ssh.put(INIT.encode(), "/tmp/init", 0o755)
    host.shell.run(MAKE_INITRD, timeout_s=120, check=True)
    ended = host.shell.run(RUN.format(recs=recs), timeout_s=BOOT_TIMEOUT_S)
    said = ended.output.replace("\r", "")
    assert f"userland on {recs} CPUs\nRME: Using RSI version 1.0\n" in said
    assert said.endswith("realm-run: end: switched off\n")
    assert ended.status == 0
    assert host.shell.run("cat /sys/class/misc/rmi/delegated").output == "0\n"
