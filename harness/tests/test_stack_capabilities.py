# SPDX-License-Identifier: BSD-3-Clause
"""Names of capabilities: known ones, one's own, and misspelt ones."""

from __future__ import annotations

import re

import pytest

from harness.errors import StackError
from harness.launch.abilities import LAUNCHERS as HOST_LAUNCHERS
from harness.stack import load_stack, shipped_stacks
from harness.stack.capabilities import LAUNCHERS, parse_capabilities, require_capability


def test_a_table_becomes_names() -> None:
    table = {"rmi": "1.0", "launchers": ["payload"], "page_sizes": ["4k"], "features": ["x-mine"]}
    assert parse_capabilities(table, "s.toml") == {
        "rmi-1.0",
        "launcher-payload",
        "pages-4k",
        "x-mine",
    }


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ([], "wants a table, got []", ""),
        ({"featurs": []}, "unknown key 'featurs'", "did you mean 'features'?"),
        ({"features": ["realmz"]}, "features: unknown value 'realmz'", "did you mean 'realms'?"),
        ({"launchers": ["kvmtol"]}, "launchers: unknown value 'kvmtol'", "did you mean 'kvmtool'"),
        (
            {"page_sizes": ["5k"]},
            "page_sizes: unknown value '5k'",
            "did you mean '4k'?",
        ),
        ({"rmi": "1.x"}, "rmi: '1.x' is no version", 'write it like "1.0"'),
    ],
)
def test_a_wrong_table_is_one_error(table: object, message: str, hint: str) -> None:
    with pytest.raises(StackError, match=re.escape(message)) as caught:
        parse_capabilities(table, "s.toml")
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    "name",
    ["realms", "rmi-2.0", "launcher-vm", "pages-64k", "kvm", "launcher-new", "x-own"],
)
def test_a_name_that_a_test_may_ask_for(name: str) -> None:
    require_capability(name, ["kvm", "launcher-new"], "here")


@pytest.mark.parametrize("name", ["relms", "rmi-one", "launcher-lkvm", "pages-4", "kvms"])
def test_a_name_that_nothing_has(name: str) -> None:
    with pytest.raises(StackError, match=r"^here: "):
        require_capability(name, ["kvm"], "here")


def test_launchers_are_those_that_there_are() -> None:
    assert set(LAUNCHERS) == {"payload", *HOST_LAUNCHERS}


def test_shipped_stacks_say_what_is_known() -> None:
    for name in shipped_stacks():
        for capability in load_stack(name).capabilities:
            require_capability(capability, (), name)
