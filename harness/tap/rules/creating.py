# SPDX-License-Identifier: BSD-3-Clause
"""Host rules about making realms and RECs, and about giving everything back."""

from __future__ import annotations

from harness.model.params import rec_index
from harness.tap.events import Call, Return
from harness.tap.rules.books import Books, Use, realm_params, rec_params, roots_of
from harness.tap.rules.rule import Found, Rule, Side

_REALM_CREATE, _REC_CREATE = "RMI_REALM_CREATE", "RMI_REC_CREATE"
_DELEGATE, _UNDELEGATE = "RMI_GRANULE_DELEGATE", "RMI_GRANULE_UNDELEGATE"
_CONSUMERS = ("RMI_DATA_CREATE", "RMI_DATA_CREATE_UNKNOWN", "RMI_RTT_CREATE", _REC_CREATE)
_SHOWN_LEAKS = 20


class RecsAscending(Rule):
    """Judged by the call: the RMM refuses any other order."""

    name = "recs-ascending"
    side = Side.HOST
    source = "state-machines 3, REC index and MPIDR; KVM 17"
    says = "RECs of a realm are created in ascending MPIDR order without gaps"
    watches = (_REC_CREATE,)

    def call(self, call: Call, books: Books) -> Found:
        """The MPIDR is the next one of this realm."""
        params, realm = rec_params(call), books.realms.get(call.x[1])
        if params is None or realm is None or rec_index(params.mpidr) == realm.next_index:
            return
        wanted = f"REC {realm.next_index} of realm {realm.rd:#x} is next"
        yield self.broken(f"{wanted}, MPIDR {params.mpidr:#x} is asked for", call)


class RecsWhileNew(Rule):
    """Judged by the call."""

    name = "recs-while-new"
    side = Side.HOST
    source = "state-machines 2, state gates; KVM 16, 17"
    says = "RECs are created only before their realm is activated"
    watches = (_REC_CREATE,)

    def call(self, call: Call, books: Books) -> Found:
        """The realm was not activated."""
        realm = books.realms.get(call.x[1])
        if realm is not None and not realm.is_new:
            text = f"realm {realm.rd:#x} was activated before this REC was created"
            yield self.broken(text, realm.created, call)


class AuxCount(Rule):
    """Any answer of this RMM will do, one that was given for another realm too."""

    name = "aux-count"
    side = Side.HOST
    source = "RMI_REC_AUX_COUNT; RMI_REC_CREATE num_aux; KVM 17"
    says = "a REC is created with as many auxiliary granules as RMI_REC_AUX_COUNT said"
    watches = (_REC_CREATE, "RMI_REC_AUX_COUNT")
    always = True

    def __init__(self) -> None:
        self._answer: Return | None = None
        self._lost = False

    def back(self, seen: Return, books: Books) -> Found:
        """Keep the answer."""
        del books
        if seen.name == "RMI_REC_AUX_COUNT" and seen.ok:
            self._answer = seen
        return ()

    def call(self, call: Call, books: Books) -> Found:
        """The number is the one that was answered; after a boot it must have been asked for."""
        params = rec_params(call) if call.name == _REC_CREATE else None
        if params is None:
            return
        if self._answer is None:
            if books.complete:
                yield self.broken("RMI_REC_AUX_COUNT was never asked", call)
        elif params.num_aux != self._answer.x[1]:
            text = f"{params.num_aux} auxiliary granules, the RMM wants {self._answer.x[1]}"
            yield self.broken(text, self._answer, call)

    def lost(self) -> None:
        """The answer stays what it was."""


class RdDelegatedFirst(Rule):
    """Judged by the call."""

    name = "rd-delegated-first"
    side = Side.HOST
    source = "RMI_REALM_CREATE rd_state, rtt_state; KVM 26"
    says = "RD and root tables are delegated before RMI_REALM_CREATE names them"
    watches = (_REALM_CREATE,)

    def call(self, call: Call, books: Books) -> Found:
        """All of them are delegated, and used for nothing."""
        params = realm_params(call)
        if params is None or not books.complete:
            return
        for pa in (call.x[1], *roots_of(params)):
            if pa not in books.delegated:
                yield self.broken(f"{pa:#x} is not delegated", call)
            elif pa in books.uses:
                yield self.broken(f"{pa:#x} is in use already: {books.owner(pa)}", call)


class FailedCreateUndelegates(Rule):
    """What failed to become a realm or a REC is not kept for later."""

    name = "failed-create-undelegates"
    side = Side.HOST
    source = "KVM 17, 26"
    says = "after RMI_REALM_CREATE or RMI_REC_CREATE failed, its granules are undelegated"
    watches = (_REALM_CREATE, _UNDELEGATE, *_CONSUMERS)

    def __init__(self) -> None:
        self._failed: dict[int, Return] = {}

    def back(self, seen: Return, books: Books) -> Found:
        """Remember the granules of a failure until they are undelegated."""
        call = seen.call
        if call is None:
            return
        granules = _named_granules(call)
        if call.name == _UNDELEGATE:
            self._failed.pop(call.x[1], None)
        elif call.name in (_REALM_CREATE, _REC_CREATE) and not seen.ok:
            for pa in granules:
                if pa in books.delegated and pa not in books.uses:
                    self._failed[pa] = seen
        elif seen.ok:
            for pa in granules:
                failed = self._failed.pop(pa, None)
                if failed is not None:
                    text = f"{pa:#x} is used again without having been undelegated"
                    yield self.broken(text, failed, seen)

    def lost(self) -> None:
        """They may have been undelegated."""
        self._failed.clear()

    def end(self, books: Books) -> Found:
        """None is left."""
        for pa, failed in list(self._failed.items()):
            if pa in books.delegated:
                yield self.broken(f"{pa:#x} was never undelegated", failed)
        self._failed.clear()


def _named_granules(call: Call) -> tuple[int, ...]:
    if call.name == _REALM_CREATE:
        realm = realm_params(call)
        return (call.x[1], *(roots_of(realm) if realm is not None else ()))
    if call.name == _REC_CREATE:
        rec = rec_params(call)
        return (call.x[2], *(rec.aux if rec is not None else ()))
    return (call.x[2],)


class RootsAfterDestroy(Rule):
    """Judged by the call: the RMM refuses it."""

    name = "roots-after-destroy"
    side = Side.HOST
    source = "state-machines 1, RTT left by REALM_DESTROY (root); KVM 15"
    says = "RD and root tables are undelegated only after RMI_REALM_DESTROY"
    watches = (_UNDELEGATE,)

    def call(self, call: Call, books: Books) -> Found:
        """The granule is no RD and no root table of a realm that is there."""
        use, rd = books.uses.get(call.x[1], (None, 0))
        if use in (Use.RD, Use.ROOT) and rd in books.realms:
            text = f"{call.x[1]:#x} still is {books.owner(call.x[1])}"
            yield self.broken(text, books.realms[rd].created, call)


class Leaks(Rule):
    """Judged at the end of a recording, or of a test."""

    name = "leaks"
    side = Side.HOST
    source = "state-machines 1, RMI_GRANULE_UNDELEGATE; KVM 15"
    says = "every granule that was delegated is given back at the end"

    def end(self, books: Books) -> Found:
        """None is delegated."""
        if not books.delegated:
            return
        leaks = sorted(books.delegated.items())
        lines = [f"{len(leaks)} granules were not given back:"]
        lines += [
            f"{pa:#x}: delegated by call #{seq}, used by {books.owner(pa)}"
            for pa, seq in leaks[:_SHOWN_LEAKS]
        ]
        more = len(leaks) - _SHOWN_LEAKS
        lines += [f"and {more} more"] if more > 0 else []
        yield self.broken("\n".join(lines), first=min(books.delegated.values()))
