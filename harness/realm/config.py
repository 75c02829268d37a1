# SPDX-License-Identifier: BSD-3-Clause
"""What a realm is to be like: one frozen object with a default for everything."""

from __future__ import annotations

from dataclasses import dataclass

from harness.abi import codec, tables
from harness.errors import RealmError
from harness.rmi import HashAlgo
from harness.types import Pa

PAGE_BITS = 12
BITS_PER_LEVEL = 9
LAST_LEVEL = 3
MAX_ROOT_TABLES = 16

_FEATURES = tables().bitfield("RmiFeatureRegister0")


def bits_below(level: int) -> int:
    """Address bits that one entry at ``level`` covers: 12 at level 3, 21 at 2, 30 at 1."""
    return PAGE_BITS + BITS_PER_LEVEL * (LAST_LEVEL - level)


def entry_bytes(level: int) -> int:
    """Size that one RTT entry at ``level`` maps."""
    return 1 << bits_below(level)


def root_table_count(ipa_width: int, start_level: int) -> int:
    """Number of concatenated root tables (RMI_REALM_CREATE, rtt_num_level).

    May exceed 16: such a combination is not valid, and tests use that.
    """
    covered = bits_below(start_level) + BITS_PER_LEVEL
    return 1 if ipa_width <= covered else 1 << (ipa_width - covered)


def default_start_level(ipa_width: int) -> int:
    """The deepest start level whose root tables still can be concatenated."""
    for level in (2, 1, 0):
        if root_table_count(ipa_width, level) <= MAX_ROOT_TABLES:
            return level
    raise RealmError(f"no start level covers an IPA width of {ipa_width} bits")


@dataclass(frozen=True, slots=True)
class RealmConfig:
    """Parameters of RMI_REALM_CREATE as a test wants them.

    ``start_level`` None picks the deepest possible one; ``num_bps``/``num_wps`` None take
    what feature register 0 offers (both are count - 1). ``recs`` is used by builders that
    make a whole realm.
    """

    ipa_width: int = 40
    start_level: int | None = None
    hash_algo: HashAlgo = HashAlgo.SHA_256
    rpv: bytes = b""
    recs: int = 1
    flags: int = 0
    sve_vl: int = 0
    num_bps: int | None = None
    num_wps: int | None = None
    pmu_num_ctrs: int = 0

    @property
    def level(self) -> int:
        """The start level in force."""
        return default_start_level(self.ipa_width) if self.start_level is None else self.start_level

    @property
    def root_tables(self) -> int:
        """Number of root tables in force."""
        return root_table_count(self.ipa_width, self.level)

    def params(self, *, features: int, vmid: int, rtt_base: Pa) -> bytes:
        """The RmiRealmParams page (4 KiB) for these settings."""
        bps = _FEATURES.bits("NUM_BPS").get(features) if self.num_bps is None else self.num_bps
        wps = _FEATURES.bits("NUM_WPS").get(features) if self.num_wps is None else self.num_wps
        return codec("RmiRealmParams").encode(
            flags=self.flags,
            s2sz=self.ipa_width,
            sve_vl=self.sve_vl,
            num_bps=bps,
            num_wps=wps,
            pmu_num_ctrs=self.pmu_num_ctrs,
            hash_algo=int(self.hash_algo),
            rpv=self.rpv,
            vmid=vmid,
            rtt_base=int(rtt_base),
            rtt_level_start=self.level,
            rtt_num_start=self.root_tables,
        )
