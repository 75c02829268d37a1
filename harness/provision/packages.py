# SPDX-License-Identifier: BSD-3-Clause
"""Debian packages of any architecture, found, downloaded and unpacked without root.

apt gets sources, lists and a status file of its own for each suite and architecture. The
lists are fetched once and kept: all that is asked for later has versions that fit together.
They are fetched again only when the mirror no longer has a file that they name.
"""

from __future__ import annotations

import fcntl
import fnmatch
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ProvisionError
from harness.provision.apt import LISTS_BYTES, run_apt
from harness.provision.aptconf import main_entry, read_entries, release_codename
from harness.provision.space import require_space

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_INSTALLED = re.compile(
    r"^Inst (?P<name>\S+) \((?P<version>\S+) .*\[(?P<arch>\w+)\]\)", re.MULTILINE
)
_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Package:
    """One package of the index; ``architecture`` is "all" for one that fits every machine."""

    name: str
    version: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.name}:{self.architecture}={self.version}"


class PackageIndex:
    """The packages of one suite for one architecture, with lists below ``folder``."""

    def __init__(self, folder: Path, suite: str, architecture: str) -> None:
        self.suite = suite
        self.architecture = architecture
        self._dir = folder / f"{suite}-{architecture}"
        self._stamp = self._dir / "fetched"

    def resolve(self, names: Sequence[str], *, dependencies: bool = False) -> list[Package]:
        """Find packages by name; ``*`` in a name takes the highest version that fits.

        ``NAME:ARCHITECTURE`` is of that architecture. With ``dependencies`` all that they
        depend on comes along. The answer is remembered until the lists change. Raises
        ``ProvisionError``.
        """
        with self._locked():
            return self._remembered(names, dependencies)

    def download(self, names: Sequence[str], into: Path, *, dependencies: bool = False) -> None:
        """Download packages into a folder, with new lists if the mirror lost a file."""
        with self._locked():
            try:
                self._download(self._remembered(names, dependencies), into)
            except ProvisionError:
                self._stamp.unlink(missing_ok=True)
                self._download(self._remembered(names, dependencies), into)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._dir.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ProvisionError(
                f"{self._dir} cannot be written: {error.strerror}",
                hint="set CCA_CACHE to another folder",
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _remembered(self, names: Sequence[str], dependencies: bool) -> list[Package]:
        if not self._stamp.is_file():
            self._fetch_lists()
        question = json.dumps([list(names), dependencies])
        known = json.loads(self._stamp.read_text() or "{}")
        if question not in known:
            packages = [self._find(name) for name in names]
            if dependencies:
                packages = self._with_dependencies(packages)
            known[question] = [[p.name, p.version, p.architecture] for p in packages]
            draft = self._stamp.with_suffix(".draft")
            draft.write_text(json.dumps(known, indent=1))
            draft.replace(self._stamp)
        return [Package(*entry) for entry in known[question]]

    def _options(self) -> list[str]:
        settings = {
            "Dir::Etc::SourceList": self._dir / "debian.sources",
            "Dir::Etc::SourceParts": "-",
            "Dir::State::Lists": self._dir / "lists",
            "Dir::State::status": self._dir / "status",
            "Dir::Cache": self._dir / "cache",
            "APT::Architecture": self.architecture,
            "APT::Sandbox::User": "root",
            "Acquire::Retries": 3,
            "APT::Install-Recommends": "false",
        }
        words = [f"{key}={value}" for key, value in settings.items()]
        words += [f"APT::Architectures::={arch}" for arch in self._architectures()]
        return [part for word in words for part in ("-o", word)]

    def _architectures(self) -> list[str]:
        """The one asked for, and this machine's: build tools come from the same suite."""
        return list(dict.fromkeys([self.architecture, own_architecture()]))

    def _fetch_lists(self) -> None:
        mirror = main_entry(read_entries(), release_codename())
        require_space(self._dir, LISTS_BYTES, "package lists")
        for folder in ("lists/partial", "cache/archives/partial"):
            (self._dir / folder).mkdir(parents=True, exist_ok=True)
        (self._dir / "status").touch()
        fields = [
            "Types: deb",
            f"URIs: {' '.join(mirror.uris)}",
            f"Suites: {self.suite}",
            "Components: main",
            f"Architectures: {' '.join(self._architectures())}",
            *(f"{name}: {value}" for name, value in mirror.options),
        ]
        (self._dir / "debian.sources").write_text("\n".join(fields) + "\n")
        # By itself apt is content with lists that it could not fetch.
        strict = ["-o", "APT::Update::Error-Mode=any"]
        run_apt(
            ["apt-get", *self._options(), *strict, "update"], what=f"package lists of {self.suite}"
        )
        self._stamp.write_text("{}")

    def _find(self, wanted: str) -> Package:
        pattern, _, architecture = wanted.partition(":")
        architecture = architecture or self.architecture
        names = [pattern]
        if "*" in pattern:
            listed = self._ask(["apt-cache", *self._options(), "pkgnames", pattern.split("*")[0]])
            names = fnmatch.filter(listed.split(), pattern)
        found = [package for name in names for package in self._versions(name, architecture)]
        if not found:
            raise ProvisionError(
                f"Debian {self.suite} has no package {wanted!r} for {architecture}",
                hint="the mirror of this machine's apt is asked; does it have that suite?",
            )
        return max(found, key=_version_key)

    def _versions(self, name: str, architecture: str) -> list[Package]:
        command = ["apt-cache", *self._options(), "madison", f"{name}:{architecture}"]
        rows = [line.split("|") for line in self._ask(command).splitlines() if "|" in line]
        kinds = [row[2].split()[-2] for row in rows if row[2].split()[-1] == "Packages"]
        versions = [row[1].strip() for row in rows if row[2].split()[-1] == "Packages"]
        return [
            Package(name, version, architecture)
            for version, kind in zip(versions, kinds, strict=True)
            if kind in (architecture, "all")
        ]

    def _with_dependencies(self, packages: Sequence[Package]) -> list[Package]:
        words = ["install", "--simulate", *map(str, packages)]
        answer = self._ask(["apt-get", *self._options(), *words])
        found = [Package(m["name"], m["version"], m["arch"]) for m in _INSTALLED.finditer(answer)]
        return sorted(found, key=lambda package: (package.name, package.architecture))

    def _ask(self, command: Sequence[str]) -> str:
        env = {**os.environ, "LC_ALL": "C"}
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                env=env,
                check=False,
                timeout=_TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ProvisionError(
                f"{command[0]} cannot be run: {error}", hint="packages come from Debian's apt"
            ) from error
        if done.returncode != 0:
            raise ProvisionError(
                f"{command[0]} about packages of {self.suite}: {done.stderr.strip()}",
                hint="the lists are in the cache below apt; remove them to fetch them again",
            )
        return done.stdout

    def _download(self, packages: Sequence[Package], into: Path) -> None:
        names = [f"{p.name}={p.version}" if p.architecture == "all" else str(p) for p in packages]
        what = f"downloading {' '.join(package.name for package in packages)}"
        run_apt(["apt-get", *self._options(), "download", *names], what=what, cwd=into)


def own_architecture() -> str:
    """Debian's name for this machine's architecture. Raises ``ProvisionError``."""
    machine = platform.machine()
    if machine not in _MACHINES:
        raise ProvisionError(f"no Debian architecture is known for this machine ({machine})")
    return _MACHINES[machine]


def unpack(folder: Path, into: Path) -> None:
    """Unpack all packages of a folder into another, one over the other. Raises ProvisionError."""
    for package in sorted(folder.glob("*.deb")):
        try:
            subprocess.run(
                ["dpkg-deb", "-x", str(package), str(into)],
                check=True,
                capture_output=True,
                timeout=_TIMEOUT_S,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ProvisionError(
                f"{package.name} cannot be unpacked: {error}",
                hint="is dpkg installed, the disk full?",
            ) from error


def _version_key(package: Package) -> list[tuple[int, str]]:
    """Order versions well enough for those of one suite: numbers count as numbers."""
    parts = re.findall(r"\d+|\D+", f"{package.version} {package.name}")
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]
