"""One edit to try after a finished study: its setting, its command, how long it takes, and where it will show."""

import json

from mtpipe import paths
from mtpipe.params import Params
from mtpipe.temperature.rules.entropy_threshold import EntropyThreshold
from mtpipe.temperature.schedule import Linear

_STEP = 0.2
"""Of temperature: large enough to see, and far from where training breaks in the default study."""


def next_edit(params: Params) -> list[str]:
    """Lines to print; none where no arm has a setting that such an edit would suit."""
    for name in params.arms:
        arm = params.temperature[name]
        if isinstance(arm.schedule, Linear):
            return _lines(params, name, f"temperature.{name}.schedule.end", arm.schedule.end)
        if isinstance(arm.token, EntropyThreshold):
            return _lines(params, name, f"temperature.{name}.token.high", arm.token.high)
    return []


def _lines(params: Params, arm: str, key: str, value: float) -> list[str]:
    took = sum(_seconds(arm, seed) for seed in params.seeds)
    how_long = f"; about {max(1, round(took / 60))} min of this machine" if took else ""
    row = f"the row {arm} of 'Difference to {params.report.baseline}' in the report"
    return [
        f"try next:       params.yaml: set {key} to {value + _STEP:.1f} (now {value:g}), then `make repro`{how_long}.",
        f"                Only {arm} runs again, and {row} will show it.",
    ]


def _seconds(arm: str, seed: int) -> float:
    """What the stages of one chain took on this machine, as far as their clocks are here."""
    return sum(float(json.loads(clock.read_text())["seconds"]) for clock in paths.CLOCK.glob(f"*-{arm}-{seed}-*.json"))
