# SPDX-License-Identifier: BSD-3-Clause
"""A ready-made realm: the payload loaded, RECs created, activated, booted."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.errors import RealmError
from harness.realm.config import RealmConfig
from harness.realm.exits import PsciExit
from harness.realm.normal_world import NormalWorld
from harness.realm.payload import Guest, PayloadImage
from harness.realm.payload_report import Report
from harness.realm.realm import Realm
from harness.realm.rec import Rec
from harness.realm.unwind import on_failure
from harness.rmi import PsciStatus


@dataclass(slots=True)
class GuestRealm:
    """A realm with the payload in it; ``guests[n]`` drives REC n."""

    realm: Realm
    image: PayloadImage
    guests: list[Guest] = field(default_factory=list)

    @property
    def guest(self) -> Guest:
        """The payload on REC 0."""
        return self.guests[0]

    @property
    def rec(self) -> Rec:
        """REC 0."""
        return self.realm.recs[0]

    def start(self) -> Report:
        """Activate the realm and boot REC 0 to its first report."""
        self.realm.activate()
        return self.guest.boot()

    def power_on(self, index: int, *, context: int = 0) -> Guest:
        """Let REC 0 switch another REC on with PSCI CPU_ON, and boot that one.

        ``context`` is what the REC finds in x0, HELLO's start value.
        """
        target = self.realm.recs[index]
        call = ("PSCI_CPU_ON", target.mpidr, self.image.secondary_entry, context)
        seen = self.guest.submit_smc(*call)
        if not isinstance(seen, PsciExit):
            raise RealmError(f"wanted the exit of PSCI CPU_ON, seen {seen.describe()}")
        self.realm.rmi.psci_complete(self.rec.pa, target.pa, PsciStatus.SUCCESS).require()
        self.guest.finish_smc(*call).require()
        self.guests[index].boot()
        return self.guests[index]


def load_payload(realm: Realm, image: PayloadImage) -> None:
    """Make the payload's range RAM and put the pages there that its RECs need (measured)."""
    realm.init_ripas(image.base, image.end)
    for ipa, content in image.pages(realm.config.recs):
        if content is None:
            realm.map_unknown(ipa)
        else:
            realm.map_data(ipa, content)


def build_realm(
    world: NormalWorld, image: PayloadImage, config: RealmConfig | None = None
) -> GuestRealm:
    """Create a realm with the payload and ``config.recs`` RECs, still NEW.

    REC 0 is runnable, the others wait for PSCI_CPU_ON. On failure all is given back.
    """
    config = config or RealmConfig()
    realm = Realm.create(world, config)
    with on_failure(realm.destroy):
        load_payload(realm, image)
        for index in range(config.recs):
            realm.add_rec(pc=image.entry, gprs=(config.ipa_width, index), runnable=index == 0)
    return GuestRealm(realm, image, [Guest(rec, elf=image.elf) for rec in realm.recs])


def start_realm(
    world: NormalWorld, image: PayloadImage, config: RealmConfig | None = None
) -> GuestRealm:
    """Build a realm, activate it and boot REC 0 to its first report."""
    built = build_realm(world, image, config)
    with on_failure(built.realm.destroy):
        built.start()
    return built
