# SPDX-License-Identifier: BSD-3-Clause
"""Provisioning: apt sources derived from the machine's, requirements, installation, errors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import ProvisionError
from harness.provision import apt, install
from harness.provision.aptconf import (
    AptEntry,
    main_entry,
    parse_deb822,
    parse_one_line,
    private_sources,
    read_entries,
    release_codename,
)
from harness.provision.requirements import (
    Requirement,
    how_to_get,
    is_met,
    missing,
    program_version,
    program_version_line,
    require,
    requirement,
)
from harness.tests.stack_fakes import program

DEB822 = """\
# the usual file of Debian's container images
Types: deb
# http://snapshot.debian.org/archive/debian/20250520T000000Z
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: https://vendor.example/apt
Suites: nodistro
Components: main
"""

PRIVATE = """\
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian
Suites: bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb-src
URIs: http://mirror.example/debian
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


def test_deb822_of_bookworm() -> None:
    assert private_sources(parse_deb822(DEB822), "bookworm") == PRIVATE


def test_one_line_of_bookworm() -> None:
    entries = parse_one_line(
        "# deb http://off.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://m.example/debian bookworm main non-free # x\n"
        "deb-src http://m.example/debian bookworm main\n"
        "deb http://security.example/debian-security bookworm-security main\n"
    )
    text = private_sources(entries, "bookworm")
    assert text.count("Types: deb\n") == 3
    assert "URIs: http://m.example/debian\nSuites: bookworm-backports\n" in text
    assert "Suites: trixie\nComponents: main\nSigned-By: /k.gpg\n" in text
    assert "off.example" not in text


def test_trixie_needs_no_backports() -> None:
    entries = parse_deb822(DEB822.replace("bookworm", "trixie"))
    text = private_sources(entries, "trixie")
    assert "backports" not in text
    assert "Types: deb-src\nURIs: http://mirror.example/debian\nSuites: trixie\n" in text


def test_configured_backports_are_not_doubled() -> None:
    entries = parse_deb822(
        DEB822.replace("bookworm-updates", "bookworm-updates bookworm-backports")
    )
    assert private_sources(entries, "bookworm").count("bookworm-backports") == 1


def test_embedded_key_is_kept() -> None:
    key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----"
    entries = parse_deb822(
        f"Types: deb deb-src\nURIs: http://m/d\nSuites: trixie\nComponents: main\nSigned-By:{key}\n"
    )
    assert entries[0].options == (("Signed-By", key),)
    assert f"Signed-By: {key}\n" in private_sources(entries, "trixie")


def test_all_files_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (tmp_path / "sources.list").write_text("deb http://a/debian bookworm main\n")
    (folder / "b.list").write_text("deb http://b/debian bookworm main\n")
    (folder / "c.sources").write_text(DEB822)
    (folder / "d.list.disabled").write_text("deb http://d/debian bookworm main\n")
    uris = [entry.uris[0] for entry in read_entries(tmp_path)]
    assert uris[:3] == ["http://a/debian", "http://b/debian", "http://mirror.example/debian"]
    assert "http://d/debian" not in uris


def test_no_source_for_the_release() -> None:
    only_security = [AptEntry(("deb",), ("http://s/",), ("bookworm-security",), ("main",))]
    cdrom = [AptEntry(("deb",), ("cdrom:[Debian]/",), ("bookworm",), ("main",))]
    for entries in ([], only_security, cdrom):
        with pytest.raises(ProvisionError) as caught:
            main_entry(entries, "bookworm")
        assert str(caught.value).startswith(
            "apt has no source for Debian suite 'bookworm', component main\nhint: add a Debian"
        )


def test_release_codename(tmp_path: Path) -> None:
    file = tmp_path / "os-release"
    file.write_text('ID=debian\nVERSION_CODENAME="trixie"\n')
    assert release_codename(file) == "trixie"
    file.write_text("ID=other\n")
    with pytest.raises(ProvisionError, match="names no VERSION_CODENAME\nhint: packages are"):
        release_codename(file)


# Running apt: a script stands in for it.


@pytest.fixture
def fake_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put an apt-get on PATH that logs its arguments; returns the log."""
    log = tmp_path / "apt.log"
    program(tmp_path / "bin" / "apt-get", f'echo "$*" >> {log}\nexit ${{APT_STATUS:-0}}')
    program(tmp_path / "bin" / "sudo", f'echo "sudo" >> {log}\nexec "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(apt, "read_entries", lambda: parse_deb822(DEB822))
    monkeypatch.setattr(apt, "release_codename", lambda: "bookworm")
    return log


def test_install_uses_own_lists_and_backports_for_qemu(
    tmp_path: Path, fake_apt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    own = tmp_path / "apt"
    apt.install(["make", "qemu-system-arm"], own)
    apt.install(["dtc"], own)
    lines = fake_apt.read_text().splitlines()
    calls = [line for line in lines if line != "sudo"]
    assert lines.count("sudo") == 3
    assert all(f"Dir::State::Lists={own}/lists" in call for call in calls)
    assert all(f"Dir::Etc::SourceList={own}/debian.sources" in call for call in calls)
    assert all("Dir::Etc::SourceParts=-" in call for call in calls)
    assert [call.partition("DPkg::Lock::Timeout=600 ")[2] for call in calls] == [
        "update",
        "install -y --no-install-recommends make",
        "install -y --no-install-recommends -t bookworm-backports qemu-system-arm",
        "install -y --no-install-recommends dtc",
    ]
    assert (own / "debian.sources").read_text() == PRIVATE


def test_failed_apt_is_one_clear_error(
    tmp_path: Path, fake_apt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APT_STATUS", "100")
    program(tmp_path / "bin" / "apt-get", "echo E: no route to mirror; exit 100")
    with pytest.raises(ProvisionError) as caught:
        apt.install(["make"], tmp_path / "apt")
    text = str(caught.value)
    assert "apt-get update: exit status 100\n  command: apt-get -o " in text
    assert "  | E: no route to mirror\nhint: check the network and the mirror" in text
    assert not (tmp_path / "apt" / "updated").exists()


def test_lists_that_are_out_of_date_are_fetched_and_all_is_tried_again(
    tmp_path: Path, fake_apt: Path
) -> None:
    own = tmp_path / "apt"
    apt.update_lists(own)
    once = f"{tmp_path}/failed"
    failing = f'case "$*" in *install*) [ -e {once} ] || {{ touch {once}; exit 100; }};; esac'
    program(tmp_path / "bin" / "apt-get", f'echo "$*" >> {fake_apt}\n{failing}')
    apt.install(["make"], own)
    calls = [line.split("Timeout=600 ")[1].split()[0] for line in fake_apt.read_text().splitlines()]
    assert calls == ["update", "install", "update", "install"]


OFFLINE = """\
case "$*" in
*update*)
    echo "Ign:1 http://mirror.example/debian trixie InRelease"
    echo "W: Failed to fetch http://mirror.example/x  Could not resolve 'mirror.example'"
    echo "W: Some index files failed to download. They have been ignored, or old ones used."
    ;;
*) echo "E: You must put some 'deb-src' URIs in your sources.list"; exit 100 ;;
esac"""


@pytest.mark.parametrize("fresh", [False, True])
def test_lists_that_could_not_be_fetched_are_the_cause(
    tmp_path: Path, fake_apt: Path, fresh: bool
) -> None:
    if fresh:
        apt.update_lists(tmp_path / "apt", "trixie")
    program(tmp_path / "bin" / "apt-get", OFFLINE)
    for _ in range(2):  # what is missing stays the cause
        with pytest.raises(ProvisionError) as caught:
            apt.download_source("p", "1", "trixie", tmp_path, tmp_path / "apt")
        assert caught.value.message.startswith(
            "apt-get update could not fetch all lists:\n"
            "  | W: Failed to fetch http://mirror.example/x  Could not resolve 'mirror.example'\n"
            "downloading source p 1 (trixie): exit status 100\n  command: apt-get -o "
        )
        assert caught.value.hint.startswith("check the network and the mirror")


def test_source_comes_from_the_suite_that_the_stack_names(tmp_path: Path, fake_apt: Path) -> None:
    (tmp_path / "p.dsc").write_text("")
    apt.download_source("p", "1", "forky", tmp_path, tmp_path / "apt")
    text = (tmp_path / "apt" / "debian.sources").read_text()
    assert "Types: deb-src\nURIs: http://mirror.example/debian\nSuites: forky\n" in text
    assert "source --download-only -q p=1" in fake_apt.read_text()


def test_no_apt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProvisionError, match=r"apt-get is not on this machine\nhint: packages"):
        apt.run_apt(["apt-get", "update"], what="apt-get update")


def test_no_sudo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProvisionError, match="no sudo\nhint: let root run: apt-get install x"):
        apt.as_root(["apt-get", "install", "x"])


def test_unwritable_apt_folder(tmp_path: Path, fake_apt: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProvisionError, match="cannot be written: Not a directory\nhint: set CCA"):
        apt.update_lists(tmp_path / "file" / "apt")


def test_apt_that_never_ends(
    tmp_path: Path, fake_apt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin" / "apt-get", "exec sleep 9")
    monkeypatch.setattr(apt, "APT_TIMEOUT_S", 0.1)
    with pytest.raises(ProvisionError, match=r"not done after 0.1 s\n  command: .*\nhint: is an"):
        apt.run_apt(["apt-get", "update"], what="apt-get update")


def test_no_room_for_lists(tmp_path: Path, fake_apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "LISTS_BYTES", 1 << 70)
    with pytest.raises(ProvisionError, match=r"package lists: \d+ MiB free in .*\nhint: free some"):
        apt.update_lists(tmp_path / "apt")
    assert not fake_apt.exists()


def test_download_without_dsc(tmp_path: Path, fake_apt: Path) -> None:
    with pytest.raises(ProvisionError, match=r"source p 1 \(trixie\): apt-get left no \.dsc file"):
        apt.download_source("p", "1", "trixie", tmp_path / "bin", tmp_path / "apt")
    assert "source --download-only -q p=1" in fake_apt.read_text()


# Requirements.


def test_version_of_a_program(tmp_path: Path) -> None:
    tool = program(tmp_path / "tool", 'echo "Tool version 10.0.2 (Debian 1:10.0.2+ds-2)"')
    assert program_version(str(tool)) == (10, 0, 2)
    assert program_version_line(str(tmp_path / "none")) == ""


def test_too_old_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "tool", "echo 7.2.1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert is_met(Requirement("tool", "t", (7, 2)))
    assert not is_met(Requirement("tool", "t", (10, 0)))
    assert not is_met(Requirement("none.h", "n"))


def test_require_says_what_and_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProvisionError) as caught:
        require(["make", "dtc", "make"], "[rmm]")
    assert str(caught.value) == (
        "[rmm]: missing make, dtc\n"
        "hint: scripts/regress installs the Debian packages: device-tree-compiler make"
    )
    assert how_to_get([requirement("frob")]) == "install it, or put its folder on PATH"


class Steps:
    """Remembers the steps."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str]] = []

    def begin(self, step: str) -> None:
        assert step

    def end(self, step: str, outcome: str) -> None:
        self.ended.append((step, outcome))


def test_nothing_missing_installs_nothing(tmp_path: Path) -> None:
    steps = Steps()
    install.install_missing(["sh"], tmp_path / "apt", steps)
    assert steps.ended == []
    assert not (tmp_path / "apt").exists()
    assert missing(["sh"]) == []


def test_installation_that_does_not_help(
    tmp_path: Path, fake_apt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tool in ("env", "sh"):
        (tmp_path / "bin" / tool).symlink_to(f"/bin/{tool}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CCA_NO_INSTALL", raising=False)
    steps = Steps()
    with pytest.raises(ProvisionError, match="still missing after the installation: make\nhint:"):
        install.install_missing(["make"], tmp_path / "apt", steps)
    assert steps.ended == [("install make", "installed")]


def test_installation_forbidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CCA_NO_INSTALL", "1")
    with pytest.raises(ProvisionError, match="missing make, and CCA_NO_INSTALL forbids to install"):
        install.install_missing(["make"], tmp_path / "apt", Steps())


def test_program_of_no_known_package(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="missing frob, and no Debian package is known"):
        install.install_missing(["frob"], tmp_path / "apt", Steps())
