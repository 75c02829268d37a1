# SPDX-License-Identifier: BSD-3-Clause
"""Builds a Linux kernel in the user's source tree: a base configuration, lines on top of it.

Objects lie outside of the tree, in ``kbuild/<hash>`` of the cache, one folder for each tree,
configuration and compiler: a change in the tree compiles what depends on it. The outputs are
kept under the state of the tree that they were built from.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import StackError
from harness.provision.requirements import require
from harness.stack.cache import Entry
from harness.stack.command import run_logged
from harness.stack.components import (
    CROSS_COMPILE,
    BuildContext,
    BuiltComponent,
    check_outputs,
    clean_environment,
    compiler_version,
    jobs,
)
from harness.stack.hashing import digest, require_folder, tree_signature
from harness.stack.kbuild_source import KbuildSource
from harness.stack.spec import Component

KBUILD_NEEDS = (f"{CROSS_COMPILE}gcc", "gcc", "make", "flex", "bison", "bc")
_SETTING = re.compile(r"^(?:(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set)$")
_STAMP = ".cca-configured"

_REPRODUCIBLE = {
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
    "KBUILD_BUILD_USER": "cca",
    "KBUILD_BUILD_HOST": "harness",
}


def build_kernel(
    component: Component, source: KbuildSource, context: BuildContext
) -> BuiltComponent:
    """Get the component's files. Raises StackError, BuildError or ProvisionError."""
    what = f"[{component.name}]"
    require_folder(source.path, what, f"check {component.name}.path")
    if not (source.path / "Kconfig").is_file():
        raise StackError(
            f"{what}: {source.path} is no kernel source: it has no Kconfig",
            hint="path must be the top folder of the tree",
        )
    wanted = _wanted_settings(source, what)
    identity = digest(
        "kbuild", str(source.path.resolve()), source.base, wanted, source.arch, source.targets,
        source.make, compiler_version(), dict(component.outputs),
    )  # fmt: skip
    return _Kbuild(component, source, context, wanted, identity).obtain()


@dataclass(frozen=True, slots=True)
class _Kbuild:
    component: Component
    source: KbuildSource
    context: BuildContext
    wanted: Mapping[str, str]
    identity: str

    @property
    def what(self) -> str:
        """How messages call the component."""
        return f"[{self.component.name}]"

    def obtain(self) -> BuiltComponent:
        """Look the tree as it is now up in the cache, or build it."""
        if (known := self._from_cache()) is not None:
            return known
        require(KBUILD_NEEDS, self.what)
        with self.context.cache.lock(self.identity):
            if (known := self._from_cache()) is not None:
                return known
            key = self._key()
            step = f"{self.component.name} ({self.source.path})"
            entry = self.context.obtain(key, step, self._fill)
            return self._built(entry)

    def _key(self) -> str:
        return digest(self.identity, tree_signature(self.source.path))

    def _from_cache(self) -> BuiltComponent | None:
        entry = self.context.cache.find(self._key())
        return self._built(entry) if entry else None

    def _built(self, entry: Entry) -> BuiltComponent:
        return BuiltComponent(entry.outputs, f"kbuild {entry.key[:12]}", entry.key)

    def _fill(self, work: Path) -> Mapping[str, str]:
        objects = self.context.cache.root / "kbuild" / self.identity[:16]
        with self.context.cache.guard():
            objects.mkdir(parents=True, exist_ok=True)
        log = self.context.cache.log_path(f"{self.component.name}-{self.identity[:12]}")
        log.unlink(missing_ok=True)
        self._configure(objects, log)
        self._make(objects, self.source.targets, log)
        check_outputs(self.component, objects, log)
        copied = {}
        for name, file in self.component.outputs.items():
            copied[name] = f"{name}-{Path(file).name}"
            shutil.copyfile(objects / file, work / copied[name])
        return copied

    def _configure(self, objects: Path, log: Path) -> None:
        """Make ``.config`` once; later only let the tree bring it up to date."""
        config, stamp = objects / ".config", objects / _STAMP
        if not stamp.is_file():
            if self.source.base:
                self._make(objects, [self.source.base], log)
            with config.open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in _lines(self.wanted))
        self._make(objects, ["olddefconfig"], log)
        _require_settings(self.wanted, config, self.what, log)
        stamp.touch()

    def _make(self, objects: Path, targets: Sequence[str], log: Path) -> None:
        argv = ["make", "-C", str(self.source.path), f"O={objects}", f"ARCH={self.source.arch}"]
        argv += [f"CROSS_COMPILE={CROSS_COMPILE}", f"-j{jobs()}", *self.source.make, *targets]
        env = {**clean_environment(), **_REPRODUCIBLE}
        run_logged(argv, what=self.what, cwd=self.source.path, log=log, env=env)


def _wanted_settings(source: KbuildSource, what: str) -> dict[str, str]:
    """Settings by name, of the fragments first, then of ``config``; the last of a name counts."""
    wanted: dict[str, str] = {}
    for fragment in source.fragments:
        try:
            lines = Path(fragment).expanduser().read_text(encoding="utf-8").splitlines()
        except OSError as problem:
            raise StackError(
                f"{what}: fragment {fragment} cannot be read: {problem.strerror}",
                hint="fragments lie beside the stack file",
            ) from problem
        wanted.update(_settings(lines, f"{what} {fragment}", strict=False))
    wanted.update(_settings(source.config, f"{what} config", strict=True))
    return wanted


def _settings(lines: Sequence[str], where: str, *, strict: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in map(str.strip, lines):
        match = _SETTING.match(line)
        if match is None:
            if line and (strict or not line.startswith("#")):
                raise StackError(
                    f"{where}: {line!r} is no setting",
                    hint='write "CONFIG_KVM=y" or "# CONFIG_KVM is not set"',
                )
            continue
        found[match[1] or match[3]] = match[2] if match[1] else "n"
    return found


def _lines(wanted: Mapping[str, str]) -> list[str]:
    return [
        f"# {name} is not set" if value == "n" else f"{name}={value}"
        for name, value in wanted.items()
    ]


def _require_settings(wanted: Mapping[str, str], config: Path, what: str, log: Path) -> None:
    """Raise StackError where the tree did not take a setting: it fails only at run time."""
    made = _settings(config.read_text(encoding="utf-8").splitlines(), str(config), strict=False)
    refused = [
        f"{name}={value} became {made.get(name, 'n')}"
        for name, value in wanted.items()
        if made.get(name, "n") != value
    ]
    if refused:
        shown = "\n".join(f"  {line}" for line in refused)
        raise StackError(
            f"{what}: the kernel's configuration does not take\n{shown}",
            hint=f"does the tree have it, and all that it depends on? see {log}",
        )
