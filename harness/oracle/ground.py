# SPDX-License-Identifier: BSD-3-Clause
"""Where model and machine are compared: memory with names, the platform, the realm's program.

Names stand for addresses in scripts, so that a script means the same on every machine:
``g5`` is a granule for the RMM, ``p3`` a page of the host, ``rmm``, ``secure``, ``device``
and ``beyond`` are memory that is neither; ``g5+0x800`` lies inside one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from harness.errors import HarnessError
from harness.model import Platform
from harness.model.scenarios import Kit
from harness.realm import NormalWorld, PayloadImage
from harness.realm.zoo import SPECIAL
from harness.replay import make_platform
from harness.types import GRANULE_BYTES, Pa

GRANULES = 192
"""Granules for the RMM."""

PAGES = 512
"""Pages of the host: as many as a block maps, and aligned to that."""

SOURCES = 8
"""The last pages, filled once: what DATA_CREATE copies, and what unprotected memory shows."""

RECS = 4
"""RECs that the program has room for."""

HEAP = 1 << 30
"""First IPA that scenes and wanderers use in a realm that runs the program."""

SHARED_BLOCK = 0xC000_0000
"""1 GiB of the machine's DRAM that nobody delegates."""

_PLACES = {
    **{name: SPECIAL[name] for name in ("device", "secure", "rmm")},
    "beyond": SPECIAL["beyond_dram"],
}
_RET = 0xD65F03C0


class UnknownName(HarnessError):
    """A script names memory that there is not."""


@dataclass(frozen=True, slots=True)
class Program:
    """The payload as the comparison sees it; addresses are IPAs.

    ``recs`` is where each REC keeps its state, ``rec_bytes`` apart.
    """

    pages: tuple[tuple[int, bytes | None], ...]
    entry: int
    secondary_entry: int
    recs: int
    rec_bytes: int

    @classmethod
    def of(cls, image: PayloadImage) -> Program:
        """Take it from the image, with the pages that ``RECS`` RECs need."""
        pages = tuple((int(ipa), content) for ipa, content in image.pages(RECS))
        size = len(image.rec_state) // 16
        secondary = int(image.secondary_entry)
        return cls(pages, int(image.entry), secondary, image.rec_state.start, size)


@dataclass(frozen=True, slots=True)
class Ground:
    """Memory, platform and program; ``wipes`` says that granules come back zeroed."""

    granules: int
    pages: int
    platform: Platform
    program: Program
    wipes: bool = True
    _names: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", dict(_PLACES))

    @property
    def kit(self) -> Kit:
        """What scenes are built from."""
        return Kit(
            platform=self.platform,
            granules=self.granules,
            pages=self.pages,
            program=self.program.pages,
            pc=self.program.entry,
            gprs=(40, 0),
            heap=HEAP,
        )

    @property
    def pool(self) -> range:
        """All granules for the RMM."""
        return range(self.granules, self.granules + GRANULES * GRANULE_BYTES, GRANULE_BYTES)

    @property
    def sources(self) -> range:
        """Pages of the host with contents."""
        end = self.pages + PAGES * GRANULE_BYTES
        return range(end - SOURCES * GRANULE_BYTES, end, GRANULE_BYTES)

    @property
    def places(self) -> tuple[int, ...]:
        """Memory that is no granule."""
        return (0, *self._names.values())

    def page(self, number: int) -> int:
        """Address of a page of the host."""
        return self.pages + number * GRANULE_BYTES

    def is_page(self, pa: int) -> bool:
        """The address is one of the host's pages."""
        return self.pages <= pa < self.pages + PAGES * GRANULE_BYTES and not pa % GRANULE_BYTES

    def name(self, word: int) -> str:
        """How a script writes a number: by name where it lies in named memory."""
        for letter, base, count in self._areas():
            number, offset = divmod(word - base, GRANULE_BYTES)
            if 0 <= number < count:
                return f"{letter}{number}{_plus(offset)}"
        for name, base in self._names.items():
            if 0 <= word - base < GRANULE_BYTES:
                return f"{name}{_plus(word - base)}"
        return f"{word:#x}"

    def value(self, text: str) -> int:
        """What a script's number or name stands for; UnknownName for anything else."""
        base, _, offset = text.partition("+")
        try:
            return self._base(base) + (int(offset, 0) if offset else 0)
        except ValueError:
            raise UnknownName(
                f"{text!r} is no number and names no memory",
                hint="names are g0, p0, device, secure, rmm, beyond, each perhaps +0x800",
            ) from None

    def _base(self, text: str) -> int:
        if text in self._names:
            return self._names[text]
        for letter, base, count in self._areas():
            if text[:1] == letter and text[1:].isdigit() and int(text[1:]) < count:
                return base + int(text[1:]) * GRANULE_BYTES
        return int(text, 0)

    def _areas(self) -> tuple[tuple[str, int, int], ...]:
        return (("g", self.granules, GRANULES), ("p", self.pages, PAGES))


def survey(world: NormalWorld, image: PayloadImage, capabilities: Collection[str]) -> Ground:
    """Take memory of a machine and ask its RMM what it can do."""
    block = PAGES * GRANULE_BYTES
    pages = world.pool.take(PAGES, align_bytes=block)
    ground = Ground(
        granules=int(world.pool.take(GRANULES, align_bytes=block)),
        pages=int(pages),
        platform=replace(make_platform(world, capabilities), traps_wfe=False),
        program=Program.of(image),
        wipes="wiping" in capabilities,
    )
    prepare(world, ground)
    return ground


def prepare(world: NormalWorld, ground: Ground) -> None:
    """Fill the source pages: a RET, that a realm may call, and a word that tells them apart."""
    for number, pa in enumerate(ground.sources):
        words = _RET.to_bytes(8, "little") + (0x1111 * (number + 1)).to_bytes(8, "little")
        world.link.write(Pa(pa), words * (GRANULE_BYTES // len(words)))


def _plus(offset: int) -> str:
    return f"+{offset:#x}" if offset else ""
