# SPDX-License-Identifier: BSD-3-Clause
"""Controls of the harness itself: a script on the host plays ``lkvm``. No realm is tested here.

The script prints what kvmtool was seen to print; what is tested is that the launcher's driver
reads it right, tells ends apart, and leaves nothing running.
"""

from __future__ import annotations

import time

import pytest

from harness.host import Host
from harness.launch import EXPLICIT, RealmConfig, kvmtool
from harness.launch.running import NotARealm, RealmFailed, RunningRealm
from harness.plugin.launching import Launch, launched
from harness.tap import Tap

pytestmark = [pytest.mark.linux]

FAKE = """#!/bin/sh
case "$FAKE" in
no-rmm) echo "  Fatal: KVM doesn't support Realms"; exit 128 ;;
no-memory) echo "  Fatal: unable to populate Realm memory"; exit 128 ;;
esac
echo "  Info: Initialized IPA range (0x80000000 - 0x90000000) as RAM"
echo "  Info: Populated Realm memory area : 80200000 - 81a00000 (size 25165824 bytes)"
echo "[    0.000000] RME: Using RSI version 1.0"
[ "$FAKE" = panic ] && echo "[    1.0] Kernel panic - not syncing: Attempted to kill init!"
[ "$FAKE" = hang ] && { echo "arguments: $*"; sleep 1000; }
[ "$FAKE" = talk ] && { echo "guest# "; read line; echo "typed: $line"; }
echo "  Info: KVM session ended normally."
"""

CONFIG = RealmConfig(kernel="/Image")


def play(host: Host, part: str) -> RunningRealm:
    """Run the script as kvmtool's launcher runs lkvm."""
    host.shell.put(FAKE.encode(), "/usr/bin/lkvm")
    host.shell.run("chmod 755 /usr/bin/lkvm", check=True)
    return launched(host, kvmtool(EXPLICIT), CONFIG, environment={"FAKE": part})


def test_vm_control_clean_end_is_read(host: Host, host_tap: Tap) -> None:
    """Ranges, RSI version and the clean end are values; the tap proves that it was no realm."""
    realm = play(host, "")
    ended = realm.finish(30)
    assert ended.said.ripas_ram[0].size_bytes == 256 << 20
    assert ended.said.populated[0].size_bytes == 25165824
    assert (ended.said.rsi_version, ended.said.ended_normally) == ("1.0", True)
    assert realm.evidence().no_rmi
    assert not host_tap.calls("RMI_REALM_CREATE")
    with pytest.raises(NotARealm, match="the tap has no RMI_REALM_CREATE"):
        realm.evidence().require()


@pytest.mark.parametrize(
    ("part", "fatal"),
    [("no-rmm", "KVM doesn't support Realms"), ("no-memory", "unable to populate Realm memory")],
)
def test_vm_control_complaint_is_read(host: Host, part: str, fatal: str) -> None:
    """What the VMM complains of is the error, its status 128 is kept."""
    realm = play(host, part)
    assert realm.wait(30).status == 128
    with pytest.raises(RealmFailed, match=fatal):
        realm.finish(1)


def test_vm_control_panic_of_the_guest_is_no_clean_end(host: Host) -> None:
    """The status is 0 and the VMM content, yet the guest's panic is an alarm."""
    with host.machine.alarms.expected("kernel-panic") as seen:
        realm = play(host, "panic")
        ended = realm.wait(30)
    assert ended.status == 0
    assert ended.said.ended_normally
    assert not ended.clean
    assert len(seen) == 1


def test_vm_control_console_is_typed_on(host: Host) -> None:
    """The realm's console goes both ways."""
    realm = play(host, "talk")
    realm.expect("guest# ", 30)
    realm.send("hello\n")
    assert realm.expect(r"typed: (\w+)", 30)[1] == b"hello"
    assert realm.finish(30).clean


def test_vm_control_is_killed_with_its_children(host: Host) -> None:
    """Closing a launch ends the VMM and all that it started."""
    realm = play(host, "hang")
    arguments = realm.expect(r"arguments: (.*?)\r?\n", 30)[1].decode()
    assert arguments.startswith("run --realm --restricted_mem --irqchip=gicv3 -k /Image")
    realm.close()
    assert realm.process.poll() == 137
    assert not host.shell.run("ps | grep '[s]leep 1000'").output


def test_vm_control_host_without_realms_skips_kvmtool_at_once(launch: Launch) -> None:
    """A launcher that the host cannot serve skips the test with the reason, within 2 s."""
    begun = time.monotonic()
    with pytest.raises(pytest.skip.Exception, match="not on this host: ") as skipped:
        launch("kvmtool", kernel="/Image")
    assert time.monotonic() - begun < 2
    assert "realm" in str(skipped.value)
