# SPDX-License-Identifier: BSD-3-Clause
"""The shell part of the scripts: quick when all is there, clear when Python is not."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from harness.tests.stack_fakes import program

CHECKOUT = Path(__file__).resolve().parents[2]
BOOTSTRAP = CHECKOUT / "scripts" / "bootstrap.sh"


def run(script: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", "-uc", script],
        env={"HOME": os.environ.get("HOME", "/"), "PATH": "/usr/bin:/bin", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_scripts_are_executable() -> None:
    for name in ("scripts/regress", "scripts/check", ".ci/run"):
        assert os.access(CHECKOUT / name, os.X_OK), name


def ready(folder: Path) -> str:
    """Make an environment that bootstrap.sh leaves alone; its path."""
    program(folder / "bin" / "python", "echo not called; exit 9")
    (folder / ".cca-stamp").write_text(f"{CHECKOUT}\n{(CHECKOUT / 'pyproject.toml').read_text()}")
    return str(folder)


def test_ready_environment_is_left_alone(tmp_path: Path) -> None:
    done = run(f'. {BOOTSTRAP}; echo "$venv"', CCA_VENV=ready(tmp_path))
    assert (done.stdout, done.stderr) == (f"{tmp_path}\n", "")


@pytest.mark.parametrize(
    ("version", "chosen"), [("(3, 10)", False), ("(3, 11)", True), ("(3, 13)", True)]
)
def test_own_python_must_be_recent(tmp_path: Path, version: str, chosen: bool) -> None:
    fake = program(tmp_path / "python", f'[ "{version}" != "(3, 10)" ]')
    (tmp_path / "bin").mkdir()
    lines = (
        BOOTSTRAP.read_text().split("if ! up_to_date")[0].replace("/usr/bin/python3 python3", "")
    )
    script = lines.replace("${BASH_SOURCE[0]}", str(BOOTSTRAP)) + "\nPATH=/bin; find_python"
    done = run(script, CCA_PYTHON=str(fake))
    assert (str(fake) in done.stdout) == chosen


def test_no_python_and_no_installation(tmp_path: Path) -> None:
    for tool in ("dirname", "mkdir", "flock", "cmp", "cat", "id"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    text = BOOTSTRAP.read_text().replace("/usr/bin/python3", "/nowhere/python3")
    script = text.replace("${BASH_SOURCE[0]}", str(BOOTSTRAP))
    done = run(script, PATH=str(tmp_path), CCA_VENV=str(tmp_path / "venv"), CCA_NO_INSTALL="1")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        "cca: error: Python 3.11 or newer with venv is missing,"
        " and CCA_NO_INSTALL forbids to install it"
    )


def test_home_is_that_of_the_user_where_it_is_not_set(tmp_path: Path) -> None:
    home = pwd.getpwuid(os.getuid()).pw_dir
    done = run(f'unset HOME; . {BOOTSTRAP}; echo "$HOME $cache"', CCA_VENV=ready(tmp_path))
    assert (done.stdout, done.stderr) == (f"{home} {home}/.cache/cca-harness\n", "")


def test_user_without_a_home(tmp_path: Path) -> None:
    script = f'getent() {{ return 2; }}; unset HOME; . {BOOTSTRAP}; echo "$cache"'
    done = run(script, CCA_VENV=ready(tmp_path / "venv"))
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        """cca: error: HOME is not set, and this user has no home folder
hint: set HOME or CCA_CACHE
""",
    )
    done = run(script, CCA_VENV=ready(tmp_path / "venv"), CCA_CACHE="/a/cache")
    assert (done.stdout, done.stderr) == ("/a/cache\n", "")


def test_a_python_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    done = run(f". {BOOTSTRAP}", CCA_VENV=str(tmp_path / "venv"), CCA_PYTHON="/no/python")
    assert (done.returncode, done.stderr) == (
        2,
        """cca: error: CCA_PYTHON: /no/python is no Python 3.11 or newer that can make environments
hint: set it to one, or to nothing: then one is looked for
""",
    )
    assert not (tmp_path / "venv").exists()


def test_folder_that_is_no_environment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = run(f". {BOOTSTRAP}", CCA_VENV=str(tmp_path))
    assert done.returncode == 2
    assert f"cca: error: {tmp_path} is not a Python environment\n" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_shell_syntax() -> None:
    for name in ("scripts/bootstrap.sh", "scripts/regress", "scripts/check", ".ci/run"):
        subprocess.run(["/bin/bash", "-n", str(CHECKOUT / name)], check=True)
