# SPDX-License-Identifier: BSD-3-Clause
"""Realms and RECs about to be created: all that the command needs, ready to be spoiled.

A draft holds delegated granules and valid parameters. ``create`` issues the command with
the given changes and returns whatever it answers; without changes it succeeds.
"""

from __future__ import annotations

from harness.abi import Value, codec
from harness.realm.config import RealmConfig
from harness.realm.normal_world import NormalWorld
from harness.realm.realm import Realm
from harness.realm.rec import Rec, mpidr_of_index
from harness.rmi import Result
from harness.types import GRANULE_BYTES, Pa


class RealmDraft:
    """RD, root tables and parameters for RMI_REALM_CREATE.

    ``root_granules`` delegates more granules than the configuration needs, for parameters
    that ask for more root tables.
    """

    def __init__(
        self,
        world: NormalWorld,
        config: RealmConfig | None = None,
        *,
        root_granules: int | None = None,
    ) -> None:
        self.world = world
        self.config = config or RealmConfig()
        self.vmid = world.new_vmid()
        self.root_granules = root_granules or self.config.root_tables
        self.rd = world.delegated()
        self.root = world.delegated(
            self.root_granules, align_bytes=self.root_granules * GRANULE_BYTES
        )
        self.created = False

    def params(self, **changes: Value) -> Pa:
        """Write the parameters, with ``changes`` by the field names of RmiRealmParams."""
        base = self.config.params(features=self.world.features, vmid=self.vmid, rtt_base=self.root)
        page = bytearray(base)
        codec("RmiRealmParams").pack(page, 0, changes)
        return self.world.page(bytes(page))

    def create(
        self, *, rd: Pa | int | None = None, params_ptr: Pa | int | None = None, **changes: Value
    ) -> Result:
        """RMI_REALM_CREATE, whatever it answers."""
        params = self.params(**changes) if params_ptr is None else params_ptr
        result = self.world.rmi.realm_create(self.rd if rd is None else rd, params)
        self.created = self.created or result.ok
        return result

    def give_back(self) -> None:
        """Destroy the realm if it was created, undelegate everything."""
        if self.created:
            self.world.rmi.realm_destroy(self.rd).require()
        self.world.undelegate(self.rd)
        self.world.undelegate(self.root, self.root_granules)
        self.world.release_vmid(self.vmid)


class RecDraft:
    """REC granule, auxiliary granules and parameters for RMI_REC_CREATE in a realm."""

    def __init__(self, realm: Realm) -> None:
        self.realm = realm
        self.world = realm.world
        self.rec = self.world.delegated()
        self.aux = tuple(self.world.delegated() for _ in range(realm.aux_count))
        self.mpidr = mpidr_of_index(len(realm.recs))
        self.created = False

    def params(self, **changes: Value) -> bytes:
        """The parameters, with ``changes`` by the field names of RmiRecParams."""
        values: dict[str, Value] = {
            "flags": 1,
            "mpidr": self.mpidr,
            "num_aux": len(self.aux),
            "aux": tuple(int(granule) for granule in self.aux),
        }
        return codec("RmiRecParams").encode(**(values | changes))

    def create(
        self,
        *,
        rd: Pa | int | None = None,
        rec: Pa | int | None = None,
        params_ptr: Pa | int | None = None,
        **changes: Value,
    ) -> Result:
        """RMI_REC_CREATE, whatever it answers; a REC that was made belongs to the realm."""
        params = self.params(**changes)
        result = self.world.rmi.rec_create(
            self.realm.rd if rd is None else rd,
            self.rec if rec is None else rec,
            self.world.page(params) if params_ptr is None else params_ptr,
        )
        if result.ok:
            self.created = True
            run = self.world.page()
            made = Rec(self.world, self.rec, self.aux, run, self.mpidr, params)
            self.realm.recs.append(made)
        return result

    def give_back(self) -> None:
        """Undelegate the granules unless a REC was made of them."""
        if not self.created:
            for granule in (self.rec, *self.aux):
                self.world.undelegate(granule)
