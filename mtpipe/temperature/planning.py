"""The resolved temperatures of every arm and round, before anything is sampled."""

from pydantic import ValidationError

from mtpipe.temperature.arm import Arm
from mtpipe.temperature.round_plan import OpenRound, ResponsePlan, RoundPlan
from mtpipe.temperature.rules.outside import try_rule
from mtpipe.temperature.spread import Spread


def plan_round(name: str, arm: Arm, round_: int, group_size: int) -> RoundPlan:
    """Resolves one round of one arm.

        Raises ValueError, naming the arm and the round, if the spread does not fit the group, the schedule
    does not cover the round, a temperature is not above 0, or a class from outside fails.
    """
    where = f"arm {name!r}, round {round_}"
    entries = arm.spread.entries if isinstance(arm.spread, Spread) else None
    if entries not in (None, group_size):
        raise ValueError(
            f"arm {name!r}: its spread has {entries} entries for a group of {group_size} responses; "
            f"give one entry per response, or change sampling.group_size"
        )
    try:
        if arm.mixed_cuts is not None:
            arm.mixed_cuts.explorers(group_size)
        spread = arm.spread.at(round_, group_size) if arm.spread else None
        scheduled = None if arm.controller else arm.scheduled(round_)
        asked = OpenRound(round=round_, scheduled=scheduled, spread=spread, token=arm.token, controller=arm.controller)
        if arm.controller is not None or (spread is not None and spread.drawn is not None):
            asked.extremes()  # raises where one would not stay above 0
            group: list[ResponsePlan] | OpenRound = asked
        else:
            group = [asked.response(sample, 0.0) for sample in range(group_size)]
        if "." in arm.token.kind:
            for response in asked.extremes() if isinstance(group, OpenRound) else group:
                try_rule(arm.token.kind, response.rule)
    except ValidationError as error:
        found = error.errors()[0]["input"]
        raise ValueError(f"{where}: it comes to a temperature of {found}; it has to stay above 0") from None
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return RoundPlan(arm=name, round=round_, group=group, truncation=arm.truncation, mixed_cuts=arm.mixed_cuts)
