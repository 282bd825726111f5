"""Which stages of a study belong together: what chains need, each chain by itself, and what comes beside and after."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

SHARED = "shared"
BESIDE = "beside"
CLOSING = "closing"


@dataclass
class Parts:
    """Names of stages, each part's in an order in which they can run.

    Attributes:
        shared: stages that chains need, and that need no chain.
        beside: stages that need no chain, and that no chain needs: they run when there is room.
        chains: by chain (`token-1`), stages that need their own chain and shared stages only.
        closing: the others.
        order: all of them, as `dvc repro` would take them up.
        needs: for each stage the stages whose outputs it reads.
        aside: after `side_by_side`, parts that can run beside the one that they were cut from, by their names.
    """

    shared: list[str] = field(default_factory=list)
    chains: dict[str, list[str]] = field(default_factory=dict)
    beside: list[str] = field(default_factory=list)
    closing: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    aside: dict[str, list[str]] = field(default_factory=dict)

    def stages(self, part: str) -> list[str]:
        """The stages of a part by its name: `shared`, `beside`, `closing`, or a chain's."""
        named = {SHARED: self.shared, BESIDE: self.beside, CLOSING: self.closing}
        return named[part] if part in named else self.chains.get(part) or self.aside.get(part, [])

    def side_by_side(self) -> "Parts":
        """The same in more parts, which keep more slots busy.

        A chain's part has the stages that lead from round to round; what follows its rounds, such as evaluations, is a
        part of its own, `after(chain)`, so that one slot need not do all that is left of the last chain. Closing stages
        that have nothing to do with the last of them, by which the study ends, are a part by the name of the first.
        """
        aside, chains = {}, {}
        for chain, stages in self.chains.items():
            rounds = self._rounds(stages)
            chains[chain] = [stage for stage in stages if stage in rounds] or stages
            if rounds:
                aside[after(chain)] = [stage for stage in stages if stage not in rounds]
        last = self._all_needed(self.closing[-1:]) if self.closing else set()
        others = [stage for stage in self.closing if stage not in last]
        if others:
            aside[others[0]] = others
        closing = [stage for stage in self.closing if stage in last]
        return replace(
            self, chains=chains, closing=closing, aside={name: found for name, found in aside.items() if found}
        )

    def _rounds(self, stages: Sequence[str]) -> set[str]:
        """Those of a chain's stages whose kind leads to the same kind in a later round, with all that they need."""
        below: dict[str, set[str]] = {}
        for stage in stages:
            needed = [each for each in self.needs[stage] if each in below]
            below[stage] = {kind(each) for each in needed}.union(*(below[each] for each in needed))
        lead = {kind(stage) for stage in stages if kind(stage) in below[stage]}
        return self._all_needed(stage for stage in stages if kind(stage) in lead) & below.keys()

    def _all_needed(self, stages: Iterable[str]) -> set[str]:
        """Stages with all that they need, directly or not."""
        found, waiting = set(), list(stages)
        while waiting:
            stage = waiting.pop()
            if stage not in found:
                found.add(stage)
                waiting += self.needs[stage]
        return found


def after(chain: str) -> str:
    """The part with what follows a chain's rounds."""
    return f"{chain}-after"


def kind(stage: str) -> str:
    """`rollout` of `rollout@token-1-round0`."""
    return stage.partition("@")[0]


def split(needs: Mapping[str, Sequence[str]], chains: Mapping[str, str]) -> Parts:
    """Deals stages out to parts.

    Args:
        needs: for each stage the stages whose outputs it reads; a stage comes after those that it needs.
        chains: for each stage that is unrolled over arms and seeds, its chain. A stage that needs another chain than
            its own belongs to the closing stages.
    """
    parts = Parts(order=list(needs), needs=needs)
    owners: dict[str, str] = {}
    for stage, needed in needs.items():
        own = chains.get(stage, SHARED)
        found = {owners[each] for each in needed} - {SHARED}
        owners[stage] = own if found <= {own} else CLOSING
        match owners[stage]:
            case "shared":
                parts.shared.append(stage)
            case "closing":
                parts.closing.append(stage)
            case chain:
                parts.chains.setdefault(chain, []).append(stage)
    waited_for: set[str] = set()
    for stage in reversed(parts.order):
        if owners[stage] in parts.chains or stage in waited_for:
            waited_for.update(needs[stage])
    if parts.chains:
        parts.beside = [stage for stage in parts.shared if stage not in waited_for]
        parts.shared = [stage for stage in parts.shared if stage in waited_for]
    parts.chains = {chain: _evaluated_early(stages, needs) for chain, stages in parts.chains.items()}
    return parts


def _evaluated_early(stages: Sequence[str], needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Each stage soon after the last that it needs: a policy's evaluation runs before the training goes on for long."""
    places = {stage: place for place, stage in enumerate(stages)}
    last = {stage: max((places[each] for each in needs[stage] if each in places), default=-1) for stage in stages}
    return sorted(stages, key=lambda stage: (last[stage], places[stage]))
