# SPDX-License-Identifier: BSD-3-Clause
"""Flattened device trees: read, change, write; dtc is the referee."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from harness.machine.device_tree import DeviceTree, DeviceTreeError, Node

SOURCE = """\
/dts-v1/;
/memreserve/ 0x40000000 0x1000;
/ {
\t#address-cells = <0x2>;
\tchosen { stdout-path = "/pl011@9000000"; };
\tmemory@40000000 { reg = <0x0 0x40000000 0x0 0xc0000000>; device_type = "memory"; };
};
"""


def compiled(words: list[str], data: bytes) -> bytes:
    if shutil.which("dtc") is None:
        pytest.skip("dtc is not installed")
    return subprocess.run(["dtc", "-q", *words], input=data, capture_output=True, check=True).stdout


def test_dtc_and_we_mean_the_same() -> None:
    tree = DeviceTree.parse(compiled(["-I", "dts", "-O", "dtb"], SOURCE.encode()))
    chosen = tree.node("/chosen")
    chosen.set_text("bootargs", "console=ttyAMA0")
    chosen.set_u64("linux,initrd-start", 0x1_6800_0000)
    text = compiled(["-I", "dtb", "-O", "dts"], tree.pack()).decode()
    assert 'bootargs = "console=ttyAMA0";' in text
    assert "linux,initrd-start = <0x01 0x68000000>;" in text
    assert "/memreserve/\t0x0000000040000000 0x0000000000001000;" in text
    assert "reg = <0x00 0x40000000 0x00 0xc0000000>;" in text


def test_what_was_written_reads_back() -> None:
    tree = DeviceTree(Node({"a": b"1"}, {"n": Node({"b": b""})}), [(1, 2)], 3)
    assert DeviceTree.parse(tree.pack()) == tree


@pytest.mark.parametrize("data", [b"", b"\0" * 64, DeviceTree(Node()).pack()[:50]])
def test_what_is_no_tree_is_refused(data: bytes) -> None:
    with pytest.raises(DeviceTreeError, match=f"{len(data)} bytes are no device tree"):
        DeviceTree.parse(data)


def test_a_node_that_is_not_there_is_named() -> None:
    tree = DeviceTree(Node(children={"cpus": Node()}))
    with pytest.raises(DeviceTreeError, match="no node /chosen: chosen is none of cpus"):
        tree.node("/chosen")
