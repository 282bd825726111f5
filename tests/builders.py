"""What tests of several folders build: rollouts, their verdicts, a small params.yaml, and stages run with it."""

import copy
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from ruamel.yaml import YAML

from mtpipe import paths
from mtpipe.params import load_params
from mtpipe.records import Rollout
from mtpipe.run.fingerprint import Fingerprints
from mtpipe.run.stage_plan import settings_for, write_stage_plans
from mtpipe.settings.base import PARAMS, read_yaml
from mtpipe.tasks.synthetic.arithmetic import ArithmeticTask

ROOT = Path(__file__).parent.parent
LEAN = str(ROOT / "tests" / "lean")
"""On PYTHONPATH, it has a process load what it needs of transformers, two seconds sooner."""
PYTHONPATH = f"{ROOT}:{LEAN}"
FINGERPRINTS = Fingerprints()
EVERY_COMPUTER = {"device": "cpu", "threads": 1}


def rollout(ids: list[int], prompt: Iterable[int] = (1, 2), temperature: float = 1.0, **columns: Any) -> Rollout:
    """A response of these tokens, all at one temperature and a log-prob of -2.5; `columns` are other values."""
    defaults: dict[str, Any] = {
        "problem_id": "p",
        "sample": 0,
        "base_temperature": temperature,
        "prompt_ids": list(prompt),
        "response_ids": ids,
        "behaviour_logprobs": [-2.5] * len(ids),
        "temperatures": [temperature] * len(ids),
        "entropies": [1.0] * len(ids),
        "finish_reason": "stop",
    }
    return Rollout(**defaults | columns)


def judged(rollouts: Iterable[Rollout], right: Callable[[Rollout], bool] | None = None) -> list[dict[str, Any]]:
    """Verdicts on rollouts; without `right`, a response with an even number of tokens is."""
    right = right or (lambda rollout: len(rollout.response_ids) % 2 == 0)
    return [
        {
            "problem_id": rollout.problem_id,
            "sample": rollout.sample,
            "reward": float(right(rollout)),
            "verdict": "correct" if right(rollout) else "wrong",
        }
        for rollout in rollouts
    ]


def changed(content: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A params.yaml's content with changes: a section is updated; `temperature`, and what a dotted key names, replaced.

    `rounds` may be a number; then the policy after the last one is evaluated, unless `evaluate.after` is changed too.
    """
    content = copy.deepcopy(content)
    if isinstance(count := changes.get("rounds"), int):
        rounds = [{"n": n, "next": n + 1} for n in range(count)]
        changes = {"evaluate.after": [count], **changes, "rounds": rounds}
    for key, value in changes.items():
        *sections, last = key.split(".")
        place = content
        for section in sections:
            place = place[section]
        updated = isinstance(value, dict) and not sections and key != "temperature"
        place[last] = place[last] | value if updated else value
    return content


def changed_params(changes: dict[str, Any], profile: str | None = None) -> dict[str, Any]:
    """The shipped params.yaml, or a profile's, with changes."""
    content = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    if profile is not None:
        for key, value in YAML(typ="safe").load((ROOT / "profiles" / f"{profile}.yaml").read_text()).items():
            merged = isinstance(value, dict) and key not in ("temperature", "task")
            content[key] = content[key] | value if merged else value
    return changed(content, {"compute": EVERY_COMPUTER} | changes)


def write_params(changes: dict[str, Any], target: Path = Path("params.yaml"), **options: Any) -> None:
    """Writes `changed_params`."""
    _write(changed_params(changes, **options), target)


def edit_params(changes: dict[str, Any], target: Path = Path("params.yaml")) -> None:
    """Changes a params.yaml that is there."""
    _write(changed(YAML(typ="safe").load(target.read_text()), changes), target)


def _write(content: dict[str, Any], target: Path) -> None:
    with open(target, "w") as file:
        YAML(typ="safe").dump(content, file)


def write_plans() -> None:
    """The stages' plans for the params.yaml and the plugins in the working directory, unless the last ones are that."""
    if _last_plans != _made_of():
        write_stage_plans(load_params(), read_yaml(PARAMS), FINGERPRINTS)
        _last_plans[:] = _made_of()


_last_plans: list[object] = []
"""What the last plans were made of, and when one of them was written: a stage's tests run a dozen stages on them."""


def _made_of() -> list[object]:
    plan = paths.stage_plan("rollout")
    written = plan.stat().st_mtime_ns if plan.is_file() else None
    return [Path.cwd(), written, *(file.read_bytes() for file in [PARAMS, *sorted(Path("plugins").rglob("*.py"))])]


def run_stage(stage: ModuleType, *arguments: Any) -> None:
    """Runs a stage in this process, with the settings that params.yaml in the working directory has now."""
    write_plans()
    run_planned_stage(stage, *arguments)


def run_planned_stage(stage: ModuleType, *arguments: Any) -> None:
    """The same with the settings of the plans that are there."""
    stage.main(*arguments, **settings_for(stage.main))


def few_problems(count: int) -> list[dict[str, Any]]:
    """So many training problems of the arithmetic task, with three numbers each."""
    task = ArithmeticTask(
        name="arithmetic", operands=3, warm_start_problems=1, train_problems=count, benchmark_problems=1
    )
    return task.generate_problems()["train"]
