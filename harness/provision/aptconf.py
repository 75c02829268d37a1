# SPDX-License-Identifier: BSD-3-Clause
"""Reads the machine's apt sources, deb822 and one-line, and derives the suites needed here.

Nothing of the machine's configuration is changed: the mirror, its key and its options are
taken over into a sources file of our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ProvisionError

QEMU_SUITES: Mapping[str, str] = {"bookworm": "bookworm-backports"}
"""Where a release's own QEMU is too old for RME: the suite that has a newer one."""

SOURCE_SUITE = "trixie"
_NOT_OPTIONS = {"types", "uris", "suites", "components", "enabled", "architectures"}
_OPTION_NAMES = {"signed-by": "Signed-By", "trusted": "Trusted"}


@dataclass(frozen=True, slots=True)
class AptEntry:
    """One enabled stanza: all its types, URIs, suites, components; other fields as text."""

    types: tuple[str, ...]
    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()


def read_entries(apt_dir: Path = Path("/etc/apt")) -> list[AptEntry]:
    """Read sources.list and sources.list.d. Files with other endings are ignored, as by apt."""
    entries: list[AptEntry] = []
    folder = apt_dir / "sources.list.d"
    files = [apt_dir / "sources.list", *sorted(folder.glob("*.list"))]
    for file in files:
        if file.is_file():
            entries += parse_one_line(file.read_text(errors="replace"))
    for file in sorted(folder.glob("*.sources")):
        entries += parse_deb822(file.read_text(errors="replace"))
    return entries


def parse_one_line(text: str) -> list[AptEntry]:
    """Parse lines such as ``deb [signed-by=/k.gpg] http://host/debian bookworm main``."""
    entries = []
    for line in text.splitlines():
        match = re.match(r"(deb|deb-src)\s+(?:\[([^]]*)]\s+)?(\S+)\s+(\S+)\s*(.*)", line.strip())
        if match is None:
            continue
        kind, options, uri, suite, components = match.groups()
        pairs = [o.partition("=") for o in (options or "").split()]
        kept = tuple(
            (_OPTION_NAMES.get(k.lower(), k.title()), v)
            for k, _, v in pairs
            if k.lower() not in {"arch", "lang", "target"}
        )
        words = tuple(components.split("#")[0].split())
        entries.append(AptEntry((kind,), (uri,), (suite,), words, kept))
    return entries


def parse_deb822(text: str) -> list[AptEntry]:
    """Parse stanzas of ``Field: value``, with continuation lines (embedded keys) kept."""
    entries = []
    for stanza in _stanzas(text):
        fields = {name.lower(): value for name, value in stanza}
        if fields.get("enabled", "yes").strip().lower() in {"no", "false", "0"}:
            continue
        if not {"types", "uris", "suites"} <= fields.keys():
            continue
        options = tuple((n, v) for n, v in stanza if n.lower() not in _NOT_OPTIONS)
        types, uris, suites, components = (
            tuple(fields.get(n, "").split()) for n in ("types", "uris", "suites", "components")
        )
        entries.append(AptEntry(types, uris, suites, components, options))
    return entries


def _stanzas(text: str) -> list[list[tuple[str, str]]]:
    stanzas: list[list[tuple[str, str]]] = [[]]
    for line in text.splitlines():
        if not line.strip():
            stanzas.append([])
        elif line.startswith("#"):
            continue
        elif line[0] in " \t" and stanzas[-1]:
            name, value = stanzas[-1][-1]
            stanzas[-1][-1] = (name, f"{value}\n{line.rstrip()}")
        elif ":" in line:
            name, _, value = line.partition(":")
            stanzas[-1].append((name.strip(), value.strip()))
    return [stanza for stanza in stanzas if stanza]


def release_codename(os_release: Path = Path("/etc/os-release")) -> str:
    """Return the release's codename. Raises ProvisionError where the file names none."""
    text = os_release.read_text() if os_release.is_file() else ""
    match = re.search(r'^VERSION_CODENAME="?([\w-]+)"?\s*$', text, re.MULTILINE)
    if match is None:
        raise ProvisionError(
            f"{os_release} names no VERSION_CODENAME", hint="packages are found on Debian 12 or 13"
        )
    return match[1]


def main_entry(entries: Iterable[AptEntry], codename: str) -> AptEntry:
    """Find the stanza that serves the release itself. Raises ProvisionError."""
    for entry in entries:
        wanted = "deb" in entry.types and codename in entry.suites and "main" in entry.components
        if wanted and not any(uri.startswith("cdrom:") for uri in entry.uris):
            return entry
    raise ProvisionError(
        f"apt has no source for Debian suite {codename!r}, component main",
        hint="add a Debian mirror to /etc/apt/sources.list.d, or install the packages yourself",
    )


def private_sources(
    entries: Sequence[AptEntry], codename: str, source_suite: str = SOURCE_SUITE
) -> str:
    """Write the deb822 text of our own sources: the release's, newer QEMU's, TF-A's.

    ``source_suite`` is where source packages come from. The release's stanzas come along,
    updates and security included: an installed library may come from there and its -dev
    package must match it. Raises ProvisionError.
    """
    mirror = main_entry(entries, codename)
    own = [
        entry
        for entry in entries
        if "deb" in entry.types
        and "main" in entry.components
        and any(suite.partition("-")[0] == codename for suite in entry.suites)
    ]
    parts = [_stanza("deb", e.uris, _debian_suites(e, codename), e.options) for e in own]
    newer = QEMU_SUITES.get(codename, codename)
    if not any(newer in entry.suites for entry in own):
        parts.append(_stanza("deb", mirror.uris, (newer,), mirror.options))
    parts.append(_stanza("deb-src", mirror.uris, (source_suite,), mirror.options))
    return "\n".join(parts)


def _debian_suites(entry: AptEntry, codename: str) -> tuple[str, ...]:
    """Keep the release's own suites, also written as bookworm/updates; not other releases."""
    return tuple(s for s in entry.suites if re.split(r"[-/]", s)[0] == codename)


def _stanza(
    kind: str,
    uris: Sequence[str],
    suites: Sequence[str],
    options: Iterable[tuple[str, str]],
) -> str:
    lines = [f"Types: {kind}", f"URIs: {' '.join(uris)}", f"Suites: {' '.join(suites)}"]
    lines.append("Components: main")
    lines += [f"{name}: {value}" for name, value in options]
    return "\n".join(lines) + "\n"
