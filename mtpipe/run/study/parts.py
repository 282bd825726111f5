"""Which stages of a study belong together: what chains need, each chain by itself, and what comes beside and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    """

    shared: list[str] = field(default_factory=list)
    chains: dict[str, list[str]] = field(default_factory=dict)
    beside: list[str] = field(default_factory=list)
    closing: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def stages(self, part: str) -> list[str]:
        """The stages of a part by its name: `shared`, `beside`, `closing`, or a chain's."""
        named = {SHARED: self.shared, BESIDE: self.beside, CLOSING: self.closing}
        return named[part] if part in named else self.chains.get(part, [])


def split(needs: Mapping[str, Sequence[str]], chains: Mapping[str, str]) -> Parts:
    """Deals stages out to parts.

    Args:
        needs: for each stage the stages whose outputs it reads; a stage comes after those that it needs.
        chains: for each stage that is unrolled over arms and seeds, its chain. A stage that needs another chain than
            its own belongs to the closing stages.
    """
    parts = Parts(order=list(needs))
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
