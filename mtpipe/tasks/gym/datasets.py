"""Problems of reasoning-gym's data sets: the package asked, and its faults put into words."""

import difflib
import hashlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from mtpipe.tasks.gym.refused import REFUSED

OURS = ("seed", "size")
"""Settings of every data set that the task decides itself."""


@dataclass(frozen=True)
class MadeProblem:
    """One problem of a data set. `metadata` is what its judge needs, as JSON keeps it."""

    question: str
    answer: str
    metadata: dict[str, Any]


def entries(dataset: str, settings: dict[str, Any], seed: str, most: int, key: str) -> Iterator[MadeProblem]:
    """The first problems of a data set, in the order that the seed gives them; the same in every process.

    Args:
        seed: any text.
        most: there are no more than this.
        key: where params.yaml has the data set, for messages.

    Raises ValueError if there is no such data set or setting, or if it is refused.
    """
    config = check(dataset, settings, key)
    number = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=4).digest()) >> 1
    made = _create(dataset, config | {"seed": number, "size": most}, key)
    for index in range(most):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = made[index]
            except IndexError:
                return
            except Exception as error:
                raise ValueError(f"{key}: {dataset} could not make its problem {index}: {error!r}") from error
        yield _entry(found, dataset, index, key)


def check(dataset: str, settings: dict[str, Any], key: str) -> dict[str, Any]:
    """The settings as the data set's class takes them: lists as tuples where its default is one.

    Raises ValueError as `entries` does.
    """
    from reasoning_gym.factory import DATASETS

    if dataset in REFUSED:
        raise ValueError(f"{key}: {dataset} is refused: {REFUSED[dataset]}; docs/reasoning-gym.md lists what there is")
    if dataset not in DATASETS:
        raise ValueError(f"{key}: reasoning-gym has no data set {dataset!r}; {_nearest(dataset, DATASETS)}")
    defaults = {field.name: field.default for field in fields(DATASETS[dataset][1])}
    config = {}
    for name, value in settings.items():
        if name in OURS:
            raise ValueError(
                f"{key}.{name}: {value!r} belongs to the task: give task.seed, or task.train_problems and "
                f"task.benchmark_problems"
            )
        if name not in defaults:
            known = [name for name in defaults if name not in OURS]
            raise ValueError(f"{key}.{name}: {dataset} has no such setting (found {value!r}); {_nearest(name, known)}")
        config[name] = tuple(value) if isinstance(value, list) and isinstance(defaults[name], tuple) else value
    _create(dataset, config | {"seed": 0, "size": 1}, key)
    return config


def _create(dataset: str, config: dict[str, Any], key: str) -> Any:
    from reasoning_gym.factory import create_dataset

    try:
        return create_dataset(dataset, **config)
    except Exception as error:  # assertions, for the most part
        given = {name: value for name, value in config.items() if name not in OURS}
        raise ValueError(f"{key}: {dataset} does not take {given}: {error or type(error).__name__}") from error


def _entry(found: Any, dataset: str, index: int, key: str) -> MadeProblem:
    for part in ("question", "answer"):
        if not isinstance(found, dict) or not isinstance(found.get(part), str):
            has = ", ".join(found) if isinstance(found, dict) else type(found).__name__
            raise ValueError(
                f"{key}: problem {index} of {dataset} has no text {part!r} (it has {has}); a data set of reasoning-gym "
                f"gives question, answer and metadata; leave this one out"
            )
    metadata = json.loads(json.dumps(found.get("metadata", {}), default=_plain))
    return MadeProblem(found["question"], found["answer"], metadata)


def _plain(value: Any) -> Any:
    """What JSON does not know: numpy's numbers and arrays by their values, anything else by its text."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def _nearest(name: str, known: Any) -> str:
    nearest = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(nearest)}?" if nearest else f"known: {', '.join(sorted(known))}"
