"""Which causal language models of transformers work: each, built small, goes through a round; writes docs/models.md."""

import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from textwrap import fill, shorten

import transformers
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging

from benchmarks.model_trial import NATS, NOT_BUILT, ONE_LENGTH, REFUSED, STOPPED, WORKS, Outcome, try_model
from benchmarks.small_models import VOCABULARY, WINDOW, model_types
from mtpipe.params import load_params

TABLE = Path(__file__).parent.parent / "docs" / "models.md"

_HEAD = """# Models

Every causal language model class of transformers {version} ({count} classes), built small from its configuration
({vocabulary} tokens, a window of {window}, random weights) and taken through a round with the torch engine: it is
loaded; groups are sampled at two temperatures within each response; every recorded log-prob is held against the model's
own forward pass and against the update's ({nats:g} nats); one update is taken; the result is saved and loaded.
`python -m benchmarks models` makes this page; `pytest -m exhaustive tests/model` holds it against what happens.

A model is taken or refused by what it does with a few tokens when it is loaded (`mtpipe/model/probe.py`), not by its
name: your own checkpoint is tried in the same way. With `sampling.engine: vllm` transformers' cache is not used, and
only what the update needs is tried. A few tokens do not reach the end of a real model's window, nor the point from
which sparse attention leaves tokens out (`index_topk`; equal scores are cut differently in different batches there).
Beyond these stands the update's check of the recorded log-probs (`update.logprob_tolerance`).
"""

_SECTIONS = {
    WORKS: "Works",
    ONE_LENGTH: "Works, one length of prompt at a time",
    STOPPED: "Stopped by the update",
    REFUSED: "Refused when it is loaded",
    NOT_BUILT: "Not tried: cannot be built small from its configuration alone",
}

_NOTES = {
    ONE_LENGTH: "These do not skip padding on the left, so prompts of different lengths are not sampled side by side:\n"
    "smaller batches, the same results.",
    STOPPED: "Rollouts are sampled, and the update refuses them before its first step.",
}


def outcomes() -> Iterable[Outcome]:
    """What came of each model type, with `params.yaml`'s update."""
    settings = load_params(TABLE.parent.parent / "params.yaml").update
    logging.set_verbosity_error()
    for model_type in model_types():
        with tempfile.TemporaryDirectory() as folder:
            yield try_model(model_type, Path(folder) / model_type, settings)


def page(found: Iterable[Outcome]) -> str:
    """docs/models.md, without its last line break."""
    sections = defaultdict(list)
    for outcome in found:
        sections[outcome.what].append(outcome)
    count = sum(map(len, sections.values()))
    sizes = {"vocabulary": VOCABULARY, "window": WINDOW, "nats": NATS}
    parts = [_HEAD.format(version=transformers.__version__, count=count, **sizes)]
    for what, title in _SECTIONS.items():
        parts.append(f"## {title} ({len(sections[what])})\n")
        if what in _NOTES:
            parts.append(_NOTES[what] + "\n")
        if what in (WORKS, ONE_LENGTH):
            parts.append(fill(", ".join(map(_class_name, sections[what])), 120, break_on_hyphens=False) + "\n")
        else:
            rows = [f"| {_class_name(outcome)} | {_cell(outcome)} |" for outcome in sections[what]]
            parts.append("\n".join(["| class | reason |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts).rstrip()


def _class_name(outcome: Outcome) -> str:
    return str(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[outcome.model_type])


def _cell(outcome: Outcome) -> str:
    reason = outcome.why.removeprefix(f"{_class_name(outcome)} ").partition("; ")[0]
    return shorten(reason, 240, placeholder=" …").replace("|", "\\|")


def main() -> None:
    """Writes the page."""
    TABLE.write_text(page(outcomes()) + "\n", encoding="utf-8")
    print(f"wrote {TABLE}")
