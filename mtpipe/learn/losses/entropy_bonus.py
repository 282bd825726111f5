"""The adaptive coefficient of an entropy bonus: Skywork-OR1, arXiv 2505.22312, section 3.3.

The bonus is on while the last step's entropy is at or below the target. The coefficient moves by a constant after every
step, up below the target and down above it, so that it goes as far as it has to. It is a function of the entropies
that the steps measured, so a round that was killed goes on with the same one.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

from mtpipe.files import read_json, write_json
from mtpipe.settings.update import EntropyBonus

STATE_FILE = Path("training") / "entropy_bonus.json"
"""Within a policy folder."""


@dataclass(frozen=True)
class Coefficient:
    """`value` after the last step, and whether that step's entropy was at or below the target."""

    value: float = 0.0
    on: bool = False

    @property
    def used(self) -> float:
        """What the next step's entropy is multiplied by."""
        return self.value if self.on else 0.0

    def after(self, entropy: float, bonus: EntropyBonus) -> "Coefficient":
        """The coefficient after a step that measured this entropy (nats a token)."""
        moved = self.value + (bonus.change if entropy < bonus.target else -bonus.change)
        return Coefficient(min(max(moved, 0.0), bonus.largest), entropy <= bonus.target)


UNUSED = Coefficient()
"""Of an update without a bonus, and of a first one with it."""


def read_coefficient(policy: Path) -> Coefficient:
    """Where the rounds before left it; 0 in a policy that had none."""
    file = policy / STATE_FILE
    return Coefficient(**read_json(file)) if file.is_file() else UNUSED


def write_coefficient(policy: Path, coefficient: Coefficient) -> None:
    """Leaves it for the next round."""
    write_json(policy / STATE_FILE, asdict(coefficient))
