"""The resolved temperatures of one round of one arm, as the plan stage writes them and the rollouts read them."""

from pydantic import Field

from mtpipe.settings import Settings
from mtpipe.temperature.token_rule import ResolvedRule


class RoundPlan(Settings):
    """What the rollouts of one round need to know of the arm; one small file of the plan stage.

    It holds resolved numbers only: an edit of params.yaml that leads to the same numbers leaves the file,
    and so everything downstream, as it was.
    """

    arm: str
    round: int = Field(ge=0)
    base: list[float] = Field(description="schedule + spread of each response: its sampling temperature in reports")
    rule: ResolvedRule
