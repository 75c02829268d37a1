# SPDX-License-Identifier: BSD-3-Clause
"""What the model cannot know: learnt from what the RMM says first, let pass, or forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from harness.abi import tables
from harness.model.params import RecParams
from harness.model.state import DELEGATED, UNDELEGATED
from harness.tap.events import Call, Return
from harness.tap.replay import ops
from harness.tap.replay.known import Known
from harness.tap.replay.ops import Done, Op, Rmi
from harness.tap.replay.realm_ops import Exit, RealmCall
from harness.tap.replay.world import World

_ERROR_INPUT = tables().statuses["RMI_ERROR_INPUT"]
_RSI_UNKNOWN = tables().statuses["RSI_ERROR_UNKNOWN"]
_NEEDS_FEATURES = (ops.REALM_CREATE, ops.REC_CREATE, ops.REC_ENTER)


@dataclass(slots=True)
class ReplayTally:
    """How much was judged. ``reordered``: things that fitted only before or after others."""

    judged: int = 0
    reordered: int = 0
    unjudged: Counter[str] = field(default_factory=Counter)


class Excuses:
    """Decides about what does not fit the state; ``placed`` is told of what fits once learnt."""

    def __init__(
        self, known: Known, tally: ReplayTally, placed: Callable[[Op, Done], None]
    ) -> None:
        self.known = known
        self.tally = tally
        self._placed = placed

    def excuse(self, op: Op, world: World) -> World | None:
        """Learn about machine and RMM; let pass what is about unknown things."""
        if not isinstance(op, Rmi):
            return self._excuse_realm(op, world)
        assert op.seen is not None
        learnt = self._learn(op, world)
        if learnt is not None:
            return learnt
        reason = self._excuse_for(op, op.seen, world)
        if not reason:
            return None
        self.tally.unjudged[reason] += 1
        return self._adopt(op, op.seen, world) if op.seen.ok else world

    def _excuse_realm(self, op: Op, world: World) -> World | None:
        rec = op.call.record.rec or op.call.record.x[1]
        platform = world.platform
        if isinstance(op, RealmCall) and op.call.name == "RSI_ATTESTATION_TOKEN_INIT":
            assert op.seen is not None
            if not self.known.attestation and op.seen.x[0] == _RSI_UNKNOWN:
                self.known.attestation = True
                return replace(world, platform=replace(platform, has_attestation=False))
        if isinstance(op, Exit) and (after := self._excuse_granule_fault(op, world)):
            return after
        if rec in world.recs or (self.known.knows(rec, world) and self.known.complete):
            return None
        self.tally.unjudged["what is at this address is not known"] += 1
        return world

    def _excuse_granule_fault(self, op: Exit, world: World) -> World | None:
        """RAM has holes, and hosts map more than RAM: there the machine is believed."""
        pa = op.granule_fault(world)
        if pa is None or (self.known.knows(pa, world) and self.known.is_memory(pa)):
            return None
        done = op.believed(world, pa)
        if done.problem:
            return None
        self.tally.unjudged["whether this address is memory is not known"] += 1
        return done.world

    def _learn(self, op: Rmi, world: World) -> World | None:
        """Features, and the number of auxiliary granules, are whatever the RMM says first."""
        assert op.seen is not None
        call, platform, x = op.call, world.platform, op.seen.x
        if not op.seen.ok:
            return None
        if call.name == "RMI_FEATURES" and not self.known.features and not call.record.x[1]:
            self.known.features = True
            platform = replace(platform, features=x[1])
        elif not self.known.aux_count and call.name == "RMI_REC_AUX_COUNT":
            platform = replace(platform, aux_granules=x[1])
        elif not self.known.aux_count and call.name == ops.REC_CREATE and call.memory:
            count = RecParams.decode(call.memory.data).num_aux
            platform = replace(platform, aux_granules=count)
        else:
            return None
        done = op.run(replace(world, platform=platform))
        if done.problem:
            return None
        if call.name != "RMI_FEATURES":
            self.known.aux_count = True
        self._placed(op, done)
        return done.world

    def _excuse_for(self, op: Rmi, seen: Return, world: World) -> str:
        call, named = op.call, ops.named(op.call)
        if not ops.has_parameters(call):
            return "parameters were not recorded"
        if not self.known.features and call.name in _NEEDS_FEATURES:
            return "features are not known"
        if not all(self.known.knows(pa, world) for pa in named):
            return "what is at this address is not known"
        if seen.x[0] == _ERROR_INPUT:
            if call.name == ops.REALM_CREATE and not self.known.complete:
                return "other realms are not known"
            if not all(self.known.is_memory(pa) for pa in named):
                return "whether this address is memory is not known"
        return ""

    def _adopt(self, op: Rmi, seen: Return, world: World) -> World:
        """The call succeeded: what it needs was there, whatever was known of it.

        Where something overlapped with it, that may have used the same before or after it.
        """
        if not op.alone:
            return self.forget(op, world)
        changes = dict.fromkeys(ops.consumed(op.call), DELEGATED)
        pages = [pa for pa in ops.pages(op.call) if not self.known.knows(pa, world)]
        done = op.run(world.with_granules(dict.fromkeys(pages, UNDELEGATED) | changes))
        if not done.problem:
            self.known.learn(ops.named(op.call))
            return done.world
        return self._released(op.call, seen, world)

    def forget(self, op: Op, world: World) -> World:
        """Of what the op names, and of its realm, nothing is known but what it alone made of it."""
        rd = ops.realm_of(op.call, world)
        self.known.forget(ops.named(op.call))
        if rd is not None:
            self.known.forget(pa for pa in world.granules if world.granule(pa).owner == rd)
            world = world.without(rd)
        if not isinstance(op, Rmi) or op.seen is None or not op.seen.ok:
            return world
        if op.alone:
            return self._released(op.call, op.seen, world)
        self.known.forget(ops.released(op.call, op.seen))
        return world

    def _released(self, call: Call, seen: Return, world: World) -> World:
        self.known.forget(ops.named(call))
        free = [pa for pa in ops.released(call, seen) if not pa % 4096]
        if call.name == ops.UNDELEGATE:
            self.known.learn(ops.named(call))
            return world.with_granules(dict.fromkeys(ops.named(call), UNDELEGATED))
        self.known.learn(free)
        return world.with_granules(dict.fromkeys(free, DELEGATED))
