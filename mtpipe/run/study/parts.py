"""Which stages of a study belong together: what all chains need, each chain by itself, and what needs all chains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SHARED = "shared"
CLOSING = "closing"


@dataclass
class Parts:
    """Names of stages, each part's in an order in which they can run.

    Attributes:
        shared: stages that need no chain.
        chains: by chain (`token-1`), stages that need their own chain and shared stages only.
        closing: the others.
        order: all of them, as `dvc repro` would take them up.
    """

    shared: list[str] = field(default_factory=list)
    chains: dict[str, list[str]] = field(default_factory=dict)
    closing: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def stages(self, part: str) -> list[str]:
        """The stages of a part by its name: `shared`, `closing`, or a chain's."""
        return {SHARED: self.shared, CLOSING: self.closing}.get(part) or self.chains.get(part, [])


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
    return parts
