# SPDX-License-Identifier: BSD-3-Clause
"""Controls: an ordinary VM of the same host and guest is no realm, and is never taken for one.

They need a host with QEMU: ``--linux-stack embedded-linux-vm``.
"""

from __future__ import annotations

import pytest

from harness.host import Host
from harness.launch import RealmConfig
from harness.launch.config import MIB
from harness.launch.running import NotARealm, RunningRealm
from harness.plugin.launching import Launch
from harness.tap import Tap

pytestmark = [pytest.mark.linux, pytest.mark.requires("launcher-vm")]

BOOT_S = 240.0
KERNEL, INITRD = "/usr/share/cca/vm/Image", "/tmp/guest.cpio"

MAKE_INITRD = f"""
mkdir -p /tmp/guest/bin /tmp/guest/proc && cp /usr/bin/busybox /tmp/guest/bin/busybox
cat > /tmp/guest/init <<'END'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
echo "guest: $(/bin/busybox nproc) CPUs, $(/bin/busybox grep MemTotal /proc/meminfo)"
/bin/busybox dmesg | /bin/busybox grep "RME: "
echo "guest: ready"
/bin/busybox poweroff -f
END
chmod 755 /tmp/guest/init && cd /tmp/guest && find . | cpio -o -H newc > {INITRD}
"""


@pytest.fixture
def guest(host: Host, launch: Launch) -> RunningRealm:
    """A small Linux in an ordinary VM; it switches itself off."""
    host.shell.run(MAKE_INITRD, timeout_s=60, check=True)
    config = RealmConfig(
        kernel=KERNEL, initrd=INITRD, recs=2, memory_bytes=192 * MIB, command_line="quiet"
    )
    return launch("vm", config)


def test_vm_is_no_realm_although_its_guest_comes_up(guest: RunningRealm, host_tap: Tap) -> None:
    """Console, clean end, status 0 are all there; the tap has no RMI call, so it is no realm."""
    guest.expect("guest: 2 CPUs", BOOT_S)
    guest.expect("guest: ready", BOOT_S)
    ended = guest.finish(BOOT_S)
    assert ended.status == 0
    assert ended.said.rsi_version == ""
    assert guest.evidence().no_rmi
    assert not host_tap.calls("RMI_REALM_CREATE")
    with pytest.raises(NotARealm, match="the tap has no RMI_REALM_CREATE"):
        guest.evidence().require()


def test_vm_that_is_killed_leaves_nothing_on_the_host(guest: RunningRealm, host: Host) -> None:
    """kill -9 of the VMM while its guest boots: no process is left."""
    guest.kill()
    assert guest.wait(BOOT_S).status == 137
    assert not host.shell.run("ps | grep '[q]emu-system'").output
