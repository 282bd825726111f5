"""The data sets that are known by their hub id: configurations, splits, and which columns hold what.

Every one of them names, nests and types its columns in its own way, so each has an entry. Facts are from the data
sets' cards and from public loaders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mtpipe.errors import MtpipeError
from mtpipe.settings.task import Columns


@dataclass(frozen=True)
class Shape:
    """Where a row has its parts; a dot leads into a structure or to an element of a list, `prompt.0.content` say.

    `answer_is` plain also covers worked answers that end in `#### N` (GSM8K). Of a list of answers, `several` says
    whether one of them is enough. `lists_several` names a column that is true where the answer's text lists several
    answers, all of which are asked for.
    """

    problem: str
    answer: str
    answer_is: Literal["plain", "boxed"] = "plain"
    several: Literal["any", "all"] = "any"
    context: str | None = None
    unit: str | None = None
    tolerance: str | None = None
    lists_several: str | None = None


@dataclass(frozen=True)
class Known:
    """A known data set; where it has two `splits`, training takes the first and a benchmark the last."""

    shape: Shape
    splits: tuple[str, ...]
    configs: tuple[str, ...] = ()


_PROBLEM_ANSWER = Shape("problem", "answer")
_CAPITALS = Shape("Problem", "Answer")
_QUESTION_ANSWER = Shape("question", "answer")
_SOLUTION = Shape("problem", "solution", answer_is="boxed")
_VERL = Shape("prompt.0.content", "reward_model.ground_truth")
_PROMPT_SOLUTION = Shape("prompt", "solution")
_OLYMPIAD = Shape(
    "question",
    "final_answer",
    several="all",
    context="context",
    unit="unit",
    tolerance="error",
    lists_several="is_multiple_answer",
)
_MATH_SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)

KNOWN = {
    # training
    "BytedTsinghua-SIA/DAPO-Math-17k": Known(_VERL, ("train",)),
    "open-r1/DAPO-Math-17k-Processed": Known(_PROMPT_SOLUTION, ("train",), ("all",)),
    "agentica-org/DeepScaleR-Preview-Dataset": Known(_PROBLEM_ANSWER, ("train",)),
    # training and benchmark
    "openai/gsm8k": Known(_QUESTION_ANSWER, ("train", "test"), ("main",)),
    "EleutherAI/hendrycks_math": Known(_SOLUTION, ("train", "test"), _MATH_SUBJECTS),
    "DigitalLearningGmbH/MATH-lighteval": Known(_SOLUTION, ("train", "test")),
    # benchmarks
    "HuggingFaceH4/MATH-500": Known(_PROBLEM_ANSWER, ("test",)),
    "HuggingFaceH4/aime_2024": Known(_PROBLEM_ANSWER, ("train",)),
    "Maxwell-Jia/AIME_2024": Known(_CAPITALS, ("train",)),
    "math-ai/aime24": Known(_SOLUTION, ("test",)),
    "BytedTsinghua-SIA/AIME-2024": Known(_VERL, ("train",)),
    "math-ai/aime25": Known(_PROBLEM_ANSWER, ("test",)),
    "yentinglin/aime_2025": Known(_PROBLEM_ANSWER, ("train",)),
    "opencompass/AIME2025": Known(_QUESTION_ANSWER, ("test",), ("AIME2025-I", "AIME2025-II")),
    "MathArena/aime_2025": Known(_PROBLEM_ANSWER, ("train",)),
    "math-ai/amc23": Known(_QUESTION_ANSWER, ("test",)),
    "zwhe99/amc23": Known(_QUESTION_ANSWER, ("test",)),
    "AI-MO/aimo-validation-amc": Known(_PROBLEM_ANSWER, ("train",)),
    "math-ai/minervamath": Known(_QUESTION_ANSWER, ("test",)),
    "svc-huggingface/minerva-math": Known(_SOLUTION, ("test",)),
    "math-ai/olympiadbench": Known(_OLYMPIAD, ("test",)),
    "Hothan/OlympiadBench": Known(_OLYMPIAD, ("train",), ("OE_TO_maths_en_COMP",)),
}

_RECOGNISED = (_VERL, _OLYMPIAD, _PROBLEM_ANSWER, _CAPITALS, _QUESTION_ANSWER, _PROMPT_SOLUTION, _SOLUTION)
"""In this order: a row with problem, answer and solution has its answer in `answer`."""


def find_shape(like: str | None, columns: Columns | None, first: dict[str, Any], what: str) -> Shape:
    """The shape of a data set's rows: as the settings name it, else recognised by the first row.

    Raises MtpipeError if the row lacks one of the named columns, or if no known shape fits.
    """
    if columns is not None:
        shape = Shape(columns.problem, columns.answer, columns.answer_is, columns.several)
    elif like is not None:
        shape = known(like, what).shape
    else:
        found = next((shape for shape in _RECOGNISED if not _missing(shape, first)), None)
        if found is None:
            raise MtpipeError(
                f"{what} has the columns {', '.join(first)}, which are not those of a known data set; "
                f"name yours in params.yaml: columns: {{problem: …, answer: …}}"
            )
        shape = found
    if missing := _missing(shape, first):
        raise MtpipeError(f"{what} has no column {missing[0]!r}; it has {', '.join(first)}")
    return shape


def known(hub_id: str, what: str) -> Known:
    """Raises MtpipeError, with the ids there are, where the id is not known."""
    if hub_id not in KNOWN:
        raise MtpipeError(f"{what}: like is {hub_id!r}; expected one of {', '.join(KNOWN)}")
    return KNOWN[hub_id]


def part(row: Any, path: str | None) -> Any:
    """What a row has at a dotted path; None if the row does not lead there."""
    try:
        return None if path is None else _follow(row, path.split("."))
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _follow(row: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        row = row[int(step)] if isinstance(row, list) else row[step]
    return row


def _missing(shape: Shape, row: dict[str, Any]) -> list[str]:
    missing = []
    for path in (shape.problem, shape.answer):
        try:
            if isinstance(_follow(row, path.split(".")), dict | list) and path == shape.problem:
                missing.append(path)
        except (KeyError, IndexError, TypeError, ValueError):
            missing.append(path)
    return missing
