"""Prompt templates for mathematics: the text around a problem, what ends a response, and where its answer stands.

The named ones are those of public code, to the character, because a model is sensitive to each:
`qwen_math` and `qwen_boxed` of QwenLM/Qwen2.5-Math (evaluation/utils.py), `r1` and `none` of sail-sg/understand-r1-zero
(train_zero_math.py), `dapo` of the DAPO-Math-17k data set.
"""

from dataclasses import dataclass
from typing import Literal

Extraction = Literal["boxed", "answer_tag", "answer_line"]
PLACE = "{problem}"
CHAT = "chat"
"""Names the template that the checkpoint brings with its tokenizer (`mtpipe.tasks.chat`)."""


@dataclass(frozen=True)
class Template:
    """A prompt with a place for the problem; `stop` texts end a response and stay in it."""

    text: str
    extraction: Extraction = "boxed"
    stop: tuple[str, ...] = ()

    def prompt(self, problem: str) -> str:
        """Only the template's own place is filled, whatever braces a problem has."""
        before, _, after = self.text.partition(PLACE)
        return before + problem + after


_QWEN_START, _QWEN_END = "<|im_start|>", "<|im_end|>\n"
_STEP_BY_STEP = r"Please reason step by step, and put your final answer within \boxed{}."

TEMPLATES = {
    "qwen_math": Template(
        f"{_QWEN_START}system\n{_STEP_BY_STEP}{_QWEN_END}{_QWEN_START}user\n{PLACE}{_QWEN_END}{_QWEN_START}assistant\n"
    ),
    "qwen_boxed": Template(
        f"{_QWEN_START}system\nYou are a helpful assistant.{_QWEN_END}"
        f"{_QWEN_START}user\n{PLACE}\n{_STEP_BY_STEP}{_QWEN_END}{_QWEN_START}assistant\n"
    ),
    "r1": Template(
        "A conversation between User and Assistant. The User asks a question, and the Assistant solves it. The "
        "Assistant first thinks about the reasoning process in the mind and then provides the User with the answer. "
        "The reasoning process is enclosed within <think> </think> and answer is enclosed within <answer> </answer> "
        "tags, respectively, i.e., <think> reasoning process here </think> <answer> answer here </answer>.\n"
        f"User: {PLACE}\nAssistant: <think>",
        extraction="answer_tag",
        stop=("</answer>",),
    ),
    "dapo": Template(
        "Solve the following math problem step by step. The last line of your response should be of the form Answer: "
        "$Answer (without quotes) where $Answer is the answer to the problem.\n\n"
        f"{PLACE}\n\n"
        'Remember to put your answer on its own line after "Answer:".',
        extraction="answer_line",
    ),
    "none": Template(PLACE),
}

_VERL_MATH = Template(f"{PLACE} Let's think step by step and output the final answer within \\boxed{{}}.")
"""Stands around the problems in copies of MATH that were prepared for verl."""


def find_template(name: str) -> Template:
    """A template by its name, or a text of the user's own that has {problem} in it.

    Raises ValueError if it is neither, or if the place stands twice.
    """
    if name in TEMPLATES:
        return TEMPLATES[name]
    if name.count(PLACE) != 1:
        names = ", ".join([*TEMPLATES, CHAT])
        raise ValueError(f"template {name!r} is none of {names}, and no text with {PLACE} in it once")
    return Template(name)


def bare_problem(text: str) -> str:
    """A data set's problem without the instructions that DAPO's and verl's copies wrap it in."""
    for template in (TEMPLATES["dapo"], _VERL_MATH):
        before, _, after = template.text.partition(PLACE)
        if text.startswith(before) and text.endswith(after):
            return text[len(before) : len(text) - len(after)].strip()
    return text.strip()
