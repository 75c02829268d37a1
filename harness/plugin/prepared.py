# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures for tests of what commands refuse, and for stacks that a test spoils.

==================  ==============================================================
``zoo``             a realm with one granule in every state
``realm_draft``     all that RMI_REALM_CREATE needs
``make_draft``      factory of the same: ``make_draft(config, root_granules=16)``
``rec_draft``       all that RMI_REC_CREATE needs in ``realm``
``make_rec_draft``  factory of the same for any realm
``stack_with``      this run's stack with more ``component.key=value`` settings
``own_folder``      for machines that a test starts itself; kept if the test fails
==================  ==============================================================
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from harness.plugin.evidence import FOLDER
from harness.plugin.fixtures import FAILED, MakeRealm, give_back
from harness.plugin.session import cca_session
from harness.realm import NormalWorld, Realm, RealmConfig, RealmDraft, RecDraft, Zoo
from harness.stack import BuiltStack, build_stack, load_stack
from harness.stack.overrides import split_override

MakeDraft = Callable[..., RealmDraft]
MakeRecDraft = Callable[[Realm], RecDraft]
StackWith = Callable[..., BuiltStack]


@pytest.fixture
def zoo(request: pytest.FixtureRequest, ns: NormalWorld) -> Iterator[Zoo]:
    """A realm with one granule in every state; afterwards each must still be in it."""
    filled = Zoo.fill(ns)
    yield filled
    give_back(request, [filled], Zoo.give_back)


@pytest.fixture
def make_draft(request: pytest.FixtureRequest, ns: NormalWorld) -> Iterator[MakeDraft]:
    """Prepare realms that are not created yet."""
    made: list[RealmDraft] = []

    def make(config: RealmConfig | None = None, *, root_granules: int | None = None) -> RealmDraft:
        made.append(RealmDraft(ns, config, root_granules=root_granules))
        return made[-1]

    yield make
    give_back(request, made, RealmDraft.give_back)


@pytest.fixture
def realm_draft(make_draft: MakeDraft) -> RealmDraft:
    """A realm with default settings that is not created yet."""
    return make_draft()


@pytest.fixture
def make_rec_draft(
    request: pytest.FixtureRequest,
    make_realm: MakeRealm,  # noqa: ARG001 - the realm must outlive the draft
) -> Iterator[MakeRecDraft]:
    """Prepare RECs that are not created yet."""
    made: list[RecDraft] = []

    def make(realm: Realm) -> RecDraft:
        made.append(RecDraft(realm))
        return made[-1]

    yield make
    give_back(request, made, RecDraft.give_back)


@pytest.fixture
def rec_draft(make_rec_draft: MakeRecDraft, realm: Realm) -> RecDraft:
    """The first REC of the fixture ``realm``, not created yet."""
    return make_rec_draft(realm)


@pytest.fixture
def stack_with(request: pytest.FixtureRequest) -> StackWith:
    """Build this run's stack with other settings, as ``--set`` takes them.

    A component that is set here loses what the command line says about it.
    """
    cca = cca_session(request.config)

    def build(*overrides: str) -> BuiltStack:
        ours = {split_override(text)[0] for text in overrides}
        kept = [text for text in cca.overrides if split_override(text)[0] not in ours]
        return build_stack(load_stack(cca.stack_name, [*kept, *overrides]))

    return build


@pytest.fixture
def own_folder(request: pytest.FixtureRequest) -> Path:
    """A folder of this test in the run's, for machines that it starts itself.

    It stays if the test fails, and has the report beside their transcripts.
    """
    folder = cca_session(request.config).run.test_folder(request.node.nodeid)
    request.node.stash[FOLDER] = folder
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Once all is torn down and nothing has failed, nobody needs the folder."""
    report = yield
    folder = item.stash.get(FOLDER, None)
    over = report.when == "teardown" and report.passed
    if folder is not None and over and not item.stash.get(FAILED, False):
        shutil.rmtree(folder, ignore_errors=True)
    return report
