# SPDX-License-Identifier: BSD-3-Clause
"""A realm from the host's side: built step by step, run, destroyed without a trace."""

from __future__ import annotations

from collections.abc import Sequence

from harness.deadline import Deadline
from harness.errors import LinkCannot, RealmError
from harness.realm.config import LAST_LEVEL, RealmConfig, entry_bytes
from harness.realm.measure import Measurements
from harness.realm.normal_world import NormalWorld
from harness.realm.pool import granules
from harness.realm.rec import Rec, mpidr_of_index, rec_params
from harness.realm.tables import RealmTables
from harness.realm.unwind import on_failure
from harness.rmi import CommandFailed, Fails
from harness.types import GRANULE_BYTES, Ipa, Pa


class Realm:
    """A realm that was created; :meth:`destroy` returns everything it owns."""

    def __init__(
        self, world: NormalWorld, config: RealmConfig, rd: Pa, root: Pa, vmid: int
    ) -> None:
        self.world = world
        self.config = config
        self.rd = rd
        self.root = root
        self.vmid = vmid
        self.rmi = world.rmi
        self.tables = RealmTables(world, rd, config.level, config.ipa_width)
        self.recs: list[Rec] = []
        self.destroyed = False
        params = config.params(features=world.features, vmid=vmid, rtt_base=root)
        self.measurements = Measurements(config.hash_algo, params)
        self._aux_count: int | None = None

    @classmethod
    def create(cls, world: NormalWorld, config: RealmConfig | None = None) -> Realm:
        """Delegate RD and root tables and issue RMI_REALM_CREATE.

        On failure everything is given back and CommandFailed says why.
        """
        config = config or RealmConfig()
        vmid = world.new_vmid()
        count = config.root_tables
        rd = world.pool.take()
        root = world.pool.take(count, align_bytes=count * GRANULE_BYTES)
        try:
            with world.lending(rd, *granules(root, count)):
                params = config.params(features=world.features, vmid=vmid, rtt_base=root)
                result = world.rmi.realm_create(rd, world.page(params))
                if not result.ok:
                    raise CommandFailed(f"wanted a realm with {config}, seen {result}")
        except BaseException:
            world.release_vmid(vmid)
            raise
        return cls(world, config, rd, root, vmid)

    @property
    def unprotected_base(self) -> Ipa:
        """First address of the unprotected half."""
        return self.tables.unprotected_base

    @property
    def aux_count(self) -> int:
        """Auxiliary granules that each REC of this realm needs."""
        if self._aux_count is None:
            self._aux_count = self.rmi.rec_aux_count(self.rd).require().aux_count
        return self._aux_count

    def map_data(self, ipa: Ipa | int, content: bytes, *, measure: bool = True) -> Pa:
        """RMI_DATA_CREATE of one granule with ``content``; tables are made as needed."""
        self.tables.ensure(ipa)
        page = content.ljust(GRANULE_BYTES, b"\0")
        src = self.world.page(page)
        with self.world.lending(self.world.pool.take()) as data:
            self.rmi.data_create(self.rd, data, ipa, src, int(measure)).require()
        self.measurements.data_create(ipa, page, int(measure))
        return data

    def map_unknown(self, ipa: Ipa | int) -> Pa:
        """RMI_DATA_CREATE_UNKNOWN of one granule; tables are made as needed."""
        self.tables.ensure(ipa)
        return self._map_unknown(ipa, self.world.pool.take())

    def _map_unknown(self, ipa: Ipa | int, data: Pa) -> Pa:
        with self.world.lending(data):
            self.rmi.data_create_unknown(self.rd, data, ipa).require()
        return data

    def map_block(self, ipa: Ipa | int) -> Pa:
        """Map 2 MiB of contiguous memory page by page and fold it into a block."""
        count = entry_bytes(LAST_LEVEL - 1) // GRANULE_BYTES
        self.tables.ensure(ipa)
        base = self.world.pool.take(count, align_bytes=count * GRANULE_BYTES)
        self.world.delegate(base, count)
        self.map_delegated(ipa, base, count)
        self.tables.fold(ipa, LAST_LEVEL).require()
        return base

    def map_delegated(self, ipa: Ipa | int, base: Pa, count: int) -> None:
        """Map adjacent delegated granules; CommandFailed at the first that the RMM refuses.

        What is not mapped then is given back. The tables must be there.
        """
        offsets = range(0, count * GRANULE_BYTES, GRANULE_BYTES)
        rows = [(int(self.rd), base + offset, int(ipa) + offset) for offset in offsets]
        done = self.rmi.each("RMI_DATA_CREATE_UNKNOWN", rows, stop_at_failure=True)
        mapped = len(done) - 1
        rest = (base + mapped * GRANULE_BYTES, count - mapped)
        with on_failure(lambda: self.world.undelegate(*rest)):
            done[-1].require()

    def unmap_data(self, ipa: Ipa | int) -> Pa:
        """RMI_DATA_DESTROY of one granule, which is given back."""
        data = Pa(self.rmi.data_destroy(self.rd, ipa).require().data)
        self.world.undelegate(data)
        return data

    def init_ripas(self, base: Ipa | int, top: Ipa | int) -> None:
        """Make [base, top) RAM before activation."""
        for start, end, size in self.tables.init_ripas(base, top):
            self.measurements.init_ripas(start, end, size)

    def share_page(self, ipa: Ipa | int, **attributes: int) -> Pa:
        """Map a fresh normal-world page at an unprotected address."""
        page = self.world.page()
        self.tables.map_unprotected(ipa, page, **attributes)
        return page

    def wait_running(self, rec: Rec, *, timeout_s: float = 5.0) -> None:
        """Wait until a REC that another PE was told to enter is RUNNING.

        Asks with RMI_RTT_SET_RIPAS on an address that no request names: refused because
        of the address while the REC is READY, because of the REC once it runs.
        """
        if not self.world.link.holds_pes:
            raise LinkCannot("not over this link: the host interrupts a REC that runs")
        deadline = Deadline.after(timeout_s)
        nowhere = self.tables.unprotected_base - GRANULE_BYTES
        ask = (self.rd, rec.pa, nowhere, self.tables.unprotected_base)
        while self.rmi.rtt_set_ripas(*ask) != Fails("rec_state"):
            if deadline.expired:
                message = f"REC {rec.pa} did not start to run in {timeout_s:g} s"
                raise RealmError(message) from TimeoutError()

    def add_rec(self, *, pc: int = 0, gprs: Sequence[int] = (), runnable: bool = True) -> Rec:
        """Create the next REC in MPIDR order, with the auxiliary granules it needs."""
        world = self.world
        mpidr = mpidr_of_index(len(self.recs))
        pa, *aux = [world.pool.take() for _ in range(1 + self.aux_count)]
        with world.lending(pa, *aux):
            params = rec_params(mpidr=mpidr, pc=pc, gprs=gprs, runnable=runnable, aux=aux)
            result = self.rmi.rec_create(self.rd, pa, world.page(params))
            if not result.ok:
                raise CommandFailed(f"wanted REC {len(self.recs)} ({mpidr=:#x}), seen {result}")
        self.measurements.rec_create(params)
        rec = Rec(world, pa, tuple(aux), world.page(), mpidr, params)
        self.recs.append(rec)
        return rec

    def activate(self) -> None:
        """RMI_REALM_ACTIVATE."""
        self.rmi.realm_activate(self.rd).require()

    def destroy(self) -> None:
        """Destroy RECs, contents, tables and the realm, in the order of the ABI.

        After a step that fails it may be called again, and goes on there.
        """
        if self.destroyed:
            return
        while self.recs:
            self.recs[0].destroy()
            del self.recs[0]
        self.tables.tear_down()
        self.rmi.realm_destroy(self.rd).require()
        self.give_back()

    def give_back(self) -> None:
        """Undelegate RD and root tables; RMI_REALM_DESTROY has succeeded."""
        self.destroyed = True
        self.world.release_vmid(self.vmid)
        self.world.undelegate_each((self.rd, *granules(self.root, self.config.root_tables)))
