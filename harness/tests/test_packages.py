# SPDX-License-Identifier: BSD-3-Clause
"""Packages of another architecture, with an apt that a test makes up."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ProvisionError, StackError
from harness.provision import packages
from harness.provision.aptconf import AptEntry
from harness.provision.packages import Package, PackageIndex, own_architecture
from harness.stack.debian_packages import _pick, pack_folder
from harness.tests.stack_fakes import program

APT_CACHE = """
echo "apt-cache $*" >> "$LOG"
case "$*" in
*pkgnames*) printf 'linux-image-6.12.9-cloud-arm64\\nlinux-image-6.12.10-cloud-arm64\\nother\\n' ;;
*madison*linux-image-6.12.9-*) echo 'linux-image | 6.12.9-1 | http://m suite/main arm64 Packages' ;;
*madison*linux-image-6.12.10-*)
  echo 'linux-image | 6.12.10-1 | http://m suite/main arm64 Packages'
  echo 'linux-image | 6.12.10-1 | http://m suite/main Sources' ;;
*madison*busybox:*) echo 'busybox | 1:1.37-6 | http://m suite/main arm64 Packages' ;;
esac
"""
APT_GET = """
echo "apt-get $*" >> "$LOG"
case "$*" in
*download*) [ ! -e "$LOG.lost" ] || { rm "$LOG.lost"; echo 404; exit 1; }; touch x.deb ;;
*--simulate*)
  echo 'Inst libc6 (2.41-12 Debian:13/stable [arm64])'
  echo 'Inst busybox (1:1.37-6 Debian:13/stable [arm64])'
  echo 'Conf busybox (1:1.37-6 Debian:13/stable [arm64])' ;;
esac
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program(tmp_path / "bin" / "apt-cache", APT_CACHE)
    program(tmp_path / "bin" / "apt-get", APT_GET)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    mirror = AptEntry(("deb",), ("http://m",), ("bookworm",), ("main",), (("Signed-By", "/k"),))
    monkeypatch.setattr(packages, "read_entries", lambda: [mirror])
    monkeypatch.setattr(packages, "release_codename", lambda: "bookworm")
    return tmp_path / "log"


@pytest.fixture
def index(tmp_path: Path) -> PackageIndex:
    return PackageIndex(tmp_path / "apt", "trixie", "arm64")


def test_a_star_takes_the_highest_version(index: PackageIndex, log: Path) -> None:
    [found] = index.resolve(["linux-image-6.12.*-cloud-arm64"])
    assert found == Package("linux-image-6.12.10-cloud-arm64", "6.12.10-1", "arm64")


def test_what_was_found_is_not_asked_again(index: PackageIndex, log: Path, tmp_path: Path) -> None:
    first = index.resolve(["busybox"])
    asked = log.read_text()
    assert PackageIndex(tmp_path / "apt", "trixie", "arm64").resolve(["busybox"]) == first
    assert log.read_text() == asked


def test_dependencies_are_those_of_apt(index: PackageIndex, log: Path) -> None:
    found = index.resolve(["busybox"], dependencies=True)
    assert [str(package) for package in found] == ["busybox:arm64=1:1.37-6", "libc6:arm64=2.41-12"]


def test_sources_are_the_mirror_of_this_machine(
    index: PackageIndex, log: Path, tmp_path: Path
) -> None:
    index.resolve(["busybox"])
    text = (tmp_path / "apt" / "trixie-arm64" / "debian.sources").read_text()
    assert "URIs: http://m\nSuites: trixie\n" in text
    assert f"Architectures: arm64 {own_architecture()}\nSigned-By: /k\n" in text


def test_new_lists_are_fetched_when_the_mirror_lost_a_file(
    index: PackageIndex, log: Path, tmp_path: Path
) -> None:
    index.resolve(["busybox"])
    log.with_name("log.lost").touch()
    index.download(["busybox"], tmp_path)
    assert (tmp_path / "x.deb").exists()
    assert log.read_text().count(" update") == 2


def test_a_package_that_there_is_not_is_said(index: PackageIndex, log: Path) -> None:
    with pytest.raises(ProvisionError, match="Debian trixie has no package 'absent' for arm64"):
        index.resolve(["absent"])


def test_a_machine_of_unknown_architecture_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "m68k")
    with pytest.raises(ProvisionError, match="no Debian architecture is known"):
        own_architecture()


def test_a_pattern_must_name_one_file(tmp_path: Path) -> None:
    for name in ("boot/vmlinuz-1", "boot/vmlinuz-2", "boot/config-1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    with pytest.raises(StackError, match="it names boot/vmlinuz-1, boot/vmlinuz-2"):
        _pick(tmp_path, "boot/vmlinuz-*", tmp_path / "image", "[kernel] image")
    assert _pick(tmp_path, "boot/config-*", tmp_path / "image", "[kernel] image") == "image"
    assert (tmp_path / "image").read_text() == "boot/config-1"


def test_a_packed_folder_is_always_the_same(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder = tmp_path / name / "lib" / "modules"
        folder.mkdir(parents=True)
        (folder / "x.ko").write_text("module")
    one, two = (pack_folder(tmp_path / name / "lib", tmp_path / name) for name in ("a", "b"))
    assert one == two


def test_lists_must_all_be_fetched(index: PackageIndex, log: Path) -> None:
    index.resolve(["busybox"])
    [update] = [line for line in log.read_text().splitlines() if line.endswith(" update")]
    assert "-o APT::Update::Error-Mode=any update" in update
