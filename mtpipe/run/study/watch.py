"""What a person sees of a study at work: a live line for each chain, and the same changes as lines of a log."""

import re
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TextIO

from tqdm import tqdm

from mtpipe import paths
from mtpipe.run.study.part import Progress
from mtpipe.run_log import write_line

_SECONDS_BETWEEN_LOOKS = 0.5


class Watch:
    """Reads the progress of parts at work. data/run.log has every change.

    On a terminal it redraws a line for each part at work; elsewhere it prints each change.
    """

    def __init__(self, output: TextIO = sys.stderr) -> None:
        self._output = output
        self._stages: dict[str, Sequence[str]] = {}
        self._seen: dict[str, Progress] = {}
        self._bars: dict[str, tqdm] = {}
        self._pace = Pace()
        self._looked = 0.0
        self._of_study, self._done = 0, 0

    def expect(self, parts: Mapping[str, Sequence[str]], of_study: int = 0, done: int = 0) -> None:
        """Names the parts that come next, with their stages.

        Args:
            of_study: how many stages the whole study has; 0 if other machines run some of them.
            done: how many of these were up to date before these parts.
        """
        self._stages, self._seen = dict(parts), {}
        self._of_study, self._done = of_study, done

    def expect_too(self, part: str, stages: Sequence[str]) -> None:
        """Names one more part that comes next."""
        self._stages[part] = stages

    def look(self) -> None:
        """Tells what has changed since the last look, if that is a while ago."""
        if time.monotonic() - self._looked < _SECONDS_BETWEEN_LOOKS:
            return
        self._looked = time.monotonic()
        for part in self._stages:
            progress = Progress.read(part)
            if progress is not None and progress.state == "running":
                self._tell(progress)

    def end(self, progress: Progress) -> None:
        """Tells that a part has ended."""
        self._pace.learn(progress)
        if progress.part in self._bars:
            self._bars.pop(progress.part).close()
        self._stages.pop(progress.part, None)
        self._seen.pop(progress.part, None)
        self._done += progress.done
        done = f"{len(progress.ran)} of {len(progress.stages)} stages had to run"
        took = f"{done}, {duration(sum(progress.ran.values()))}"
        what = took if progress.state == "done" else progress.why
        to_go = f"{len(self._stages)} to go"
        self._write("; ".join(filter(None, [f"{progress.part}: {progress.state}, {what}", self._in_all(), to_go])))

    def _tell(self, progress: Progress) -> None:
        self._pace.learn(progress)
        before = self._seen.get(progress.part)
        self._seen[progress.part] = progress
        line = self._line(progress)
        if before is None or before.stage != progress.stage:
            self._write(line, passing=True)
        if self._output.isatty():
            if progress.part not in self._bars:
                self._bars[progress.part] = tqdm(bar_format="{desc}", file=self._output, leave=False)
            self._bars[progress.part].set_description_str(line)

    def _line(self, progress: Progress) -> str:
        """`token-1: rollout round3, 12 of 18 stages, 40 of 96 in all, reward 0.41, 3 min left`."""
        kind, _, name = progress.stage.partition("@")
        where = name.removeprefix(progress.part).lstrip("-")
        left = self._pace.left(progress)
        found = [
            f"{kind} {where}".strip(),
            f"{progress.done} of {len(progress.stages)} stages",
            self._in_all(),
            reward(progress.part, progress.stage),
            f"{duration(left)} left" if left is not None else "",
        ]
        return f"{progress.part}: {', '.join(filter(None, found))}"

    def _in_all(self) -> str:
        """`40 of 96 in all`, if the whole study is made here."""
        done = self._done + sum(each.done for each in self._seen.values())
        return f"{done} of {self._of_study} in all" if self._of_study else ""

    def _write(self, line: str, passing: bool = False) -> None:
        """Into the log, and to the output; what is `passing` stands in a live line if that is a terminal."""
        write_line(line)
        if not (passing and self._output.isatty()):
            tqdm.write(line, file=self._output)


class Pace:
    """Seconds of a stage by its kind (`rollout`), from those that have run."""

    def __init__(self) -> None:
        self._seconds: dict[str, dict[str, float]] = defaultdict(dict)

    def learn(self, progress: Progress) -> None:
        for stage, seconds in progress.ran.items():
            self._seconds[stage.partition("@")[0]][stage] = seconds

    def left(self, progress: Progress) -> float | None:
        """Seconds that the stages of a part still take; None if none of the kind that is at work has run yet."""
        known = {kind: sum(found.values()) / len(found) for kind, found in self._seconds.items()}
        if progress.stage.partition("@")[0] not in known:
            return None
        usual = sum(known.values()) / len(known)
        begun = time.time() - progress.since
        of_stages = [known.get(stage.partition("@")[0], usual) for stage in progress.stages[progress.done :]]
        return max(0.0, of_stages[0] - begun) + sum(of_stages[1:]) if of_stages else 0.0


def reward(part: str, stage: str) -> str:
    """`reward 0.41`: the mean of the last round of a chain that is judged; nothing before there is one."""
    arm, _, seed = part.rpartition("-")
    found = re.search(r"-round(\d+)$", stage)
    last = int(found[1]) if found else None
    judged = {int(path.parent.name.removeprefix("round")): path for path in paths.all_verdicts(arm, seed)}
    rounds = [round for round in judged if last is None or round < last or (round == last and "update@" in stage)]
    if not rounds:
        return ""
    from pyarrow import ArrowException, compute, parquet

    try:
        mean = compute.mean(parquet.read_table(judged[max(rounds)], columns=["reward"])["reward"]).as_py()
    except (ArrowException, OSError):
        return ""
    return f"reward {mean:.2f}"


def duration(seconds: float) -> str:
    """`40 s`, `3 min`, `5.2 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
