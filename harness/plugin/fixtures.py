# SPDX-License-Identifier: BSD-3-Clause
"""The fixtures that test cases ask for.

==================  ==============================================================
``stack``           the built stack (session)
``machine``         a booted machine: consoles, RAM, QMP
``ns``              the normal world on it: RMI calls, memory, granules
``rmi``             typed RMI calls, ``ns.rmi``
``tap``             every SMC since the test began, whoever made it
``make_realm``      factory: a bare realm, state NEW, nothing in it
``make_guest``      factory: a realm with the payload, active and booted
``realm``           a bare realm with default settings
``guest``           a booted realm with default settings
``second_pe``       number of a second PE, switched on
``busy_boot_pe``    for tests that keep PE 0 itself busy
==================  ==============================================================

After each test everything must be given back; the machine is used again only if it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import pytest

from harness.machine import Machine
from harness.plugin.booting import acquire
from harness.plugin.judging import terms_of
from harness.plugin.keeper import Running
from harness.plugin.options import DEVICE_LINK
from harness.plugin.session import cca_session
from harness.realm import (
    GuestRealm,
    NormalWorld,
    PayloadImage,
    Realm,
    RealmConfig,
    build_realm,
    start_realm,
)
from harness.rmi import Rmi
from harness.stack import BuiltStack
from harness.tap import Tap

FAILED = pytest.StashKey[bool]()
"""Set on an item as soon as it fails, be it expected, or is interrupted."""

RUNNING = pytest.StashKey[Running]()
"""The machine that a test used, for the failure report."""

_T = TypeVar("_T")

MakeRealm = Callable[..., Realm]
MakeGuest = Callable[..., GuestRealm]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Remember a failure before anything is torn down."""
    with _remembered(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Remember a failure before anything is torn down."""
    with _remembered(item):
        return (yield)


@contextmanager
def _remembered(item: pytest.Item) -> Iterator[None]:
    try:
        yield
    except pytest.skip.Exception:
        raise
    except BaseException:
        item.stash[FAILED] = True
        raise


def give_back(
    request: pytest.FixtureRequest, made: Sequence[_T], undo: Callable[[_T], object]
) -> None:
    """Undo what a test made, in reverse order.

    After a failure nothing is undone, the machine is thrown away. It also is if this fails.
    """
    if not request.node.stash.get(FAILED, False):
        with _remembered(request.node):
            for item in reversed(made):
                undo(item)


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> BuiltStack:
    """The built stack."""
    return cca_session(request.config).built


@pytest.fixture
def cca_running(request: pytest.FixtureRequest) -> Iterator[Running]:
    """A clean machine; audited afterwards, replaced if the test failed."""
    terms = terms_of(request.node)
    running = acquire(request.node)
    if running.trial is not None:
        running.trial.terms = terms
    keeper = cca_session(request.config).keeper
    request.node.stash[RUNNING] = running
    yield running
    if request.node.stash.get(FAILED, False):
        keeper.retire()
    else:
        keeper.audit()


@pytest.fixture
def machine(cca_running: Running) -> Machine:
    """The booted machine itself."""
    return cca_running.machine


@pytest.fixture
def ns(cca_running: Running) -> NormalWorld:
    """The normal world: RMI calls, memory, granules."""
    return cca_running.world


@pytest.fixture
def rmi(ns: NormalWorld) -> Rmi:
    """Typed RMI calls from PE 0."""
    return ns.rmi


@pytest.fixture
def tap(request: pytest.FixtureRequest, cca_running: Running) -> Tap:
    """Every SMC since the test began: those of realms and of the RMM too."""
    if cca_running.watch is None:
        pytest.skip(f"no tap: {cca_session(request.config).tap[1]}")
    return cca_running.watch.tap


@pytest.fixture
def second_pe(cca_running: Running) -> int:
    """A second PE, on and serving calls."""
    if cca_running.machine.what.machine.cpus < 2:
        pytest.skip("not on this stack: it has one PE only")
    cca_running.switch_on(1)
    return 1


@pytest.fixture
def busy_boot_pe(request: pytest.FixtureRequest) -> None:
    """The test keeps PE 0 busy while it asks for more: not over the line that PE 0 serves."""
    if cca_session(request.config).link_kind == "serial":
        pytest.skip("not over the serial link: PE 0 serves the line, and the test keeps it busy")


@pytest.fixture
def interrupt_exits(request: pytest.FixtureRequest) -> None:
    """The test looks at exits because of interrupts: not over /dev/rmi."""
    if cca_session(request.config).link_kind == DEVICE_LINK:
        pytest.skip("not over /dev/rmi: after an interrupt the agent enters the REC again")


@pytest.fixture(scope="session")
def payload_image(stack: BuiltStack) -> PayloadImage:
    """The in-tree realm payload."""
    return PayloadImage.load(stack.images["realm"], stack.elfs["realm"])


@pytest.fixture
def make_realm(request: pytest.FixtureRequest, ns: NormalWorld) -> Iterator[MakeRealm]:
    """Create bare realms: ``make_realm(ipa_width=34)`` or ``make_realm(config)``."""
    made: list[Realm] = []

    def make(config: RealmConfig | None = None, **settings: object) -> Realm:
        chosen = config or RealmConfig(**settings)  # type: ignore[arg-type]
        made.append(Realm.create(ns, chosen))
        return made[-1]

    yield make
    give_back(request, made, Realm.destroy)


@pytest.fixture
def make_guest(
    request: pytest.FixtureRequest, ns: NormalWorld, payload_image: PayloadImage
) -> Iterator[MakeGuest]:
    """Make realms with the payload in them; ``activate=False`` leaves them NEW."""
    made: list[Realm] = []

    def make(
        config: RealmConfig | None = None, *, activate: bool = True, **settings: object
    ) -> GuestRealm:
        chosen = config or RealmConfig(**settings)  # type: ignore[arg-type]
        build = start_realm if activate else build_realm
        guest = build(ns, payload_image, chosen)
        made.append(guest.realm)
        return guest

    yield make
    give_back(request, made, Realm.destroy)


@pytest.fixture
def realm(make_realm: MakeRealm) -> Realm:
    """A bare realm, state NEW."""
    return make_realm()


@pytest.fixture
def guest(make_guest: MakeGuest) -> GuestRealm:
    """A realm with the payload, booted to its first report."""
    return make_guest()
