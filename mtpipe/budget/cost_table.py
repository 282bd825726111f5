"""What each arm cost on this machine.

Seconds come from the clock files beside the data. These are untracked, and so are not in the report, whose hash must
not change from machine to machine; a stage that came from the cache has the clock of the run that made it, or none.
"""

import json
from collections.abc import Iterator

from mtpipe import paths
from mtpipe.files import read_json
from mtpipe.params import Params
from mtpipe.text_table import aligned

STAGES = ("rollout", "verify", "update", "evaluate")


def format_cost(params: Params) -> str:
    """A table with a line for each arm: tokens sampled, and the seconds of each stage over all seeds and rounds.

    Raises MtpipeError if an update's metrics are missing.
    """
    lines = [["arm", "tokens", *STAGES, "seconds", "tokens/s"]]
    missing = 0
    for arm in params.arms:
        tokens = sum(
            read_json(paths.round_metrics(arm, seed, round.n))["round"]["tokens"]
            for seed in params.seeds
            for round in params.rounds
        )
        seconds = {stage: list(_seconds(params, stage, arm)) for stage in STAGES}
        missing += sum(value is None for found in seconds.values() for value in found)
        sums = [sum(value or 0.0 for value in found) for found in seconds.values()]
        speed = f"{tokens / sums[0]:,.0f}" if sums[0] and None not in seconds["rollout"] else "–"
        lines.append([arm, f"{tokens:,}", *(f"{value:,.1f}" for value in sums), f"{sum(sums):,.1f}", speed])
    text = "\n".join(aligned(lines, right=range(1, len(lines[0]))))
    text += "\n\nSeconds of wall clock on this machine; tokens and tokens/s are those of the rollouts."
    return text + (
        f"\n{missing} stages have no clock file here (they ran elsewhere) and count as 0." if missing else ""
    )


def _seconds(params: Params, stage: str, arm: str) -> Iterator[float | None]:
    """The seconds of each run of a stage for one arm; None without a readable clock file."""
    numbers = params.evaluate.after if stage == "evaluate" else [round.n for round in params.rounds]
    for seed in params.seeds:
        for number in numbers:
            try:
                clock = json.loads((paths.CLOCK / f"{stage}-{arm}-{seed}-{number}.json").read_text(encoding="utf-8"))
                yield float(clock["seconds"])
            except (OSError, ValueError, KeyError, TypeError):
                yield None
