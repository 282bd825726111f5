"""A policy's judged responses to the held-out benchmarks."""

from contextlib import AbstractContextManager
from pathlib import Path

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.progress import show_tokens, token_bar
from mtpipe.records import EVALUATION, PROBLEMS, read_rows, write_rows
from mtpipe.sampling.engine import Engine
from mtpipe.sampling.rounds import sample_evaluation
from mtpipe.settings.evaluate import PolicyEvaluation
from mtpipe.settings.reward import Judging
from mtpipe.tasks.judging import judge_responses


def evaluate(
    opened: AbstractContextManager[Engine],
    settings: PolicyEvaluation,
    judging: Judging,
    batch_size: int,
    target: Path,
    what: str,
    temperature: float | None = None,
) -> dict[str, float]:
    """Samples and judges every benchmark there is with the engine's policy; writes rows of records.EVALUATION.

    Returns the share of correct responses by benchmark.

    Every policy meets the same problems with the same random numbers, so that differences between arms are paired.

    Args:
        opened: opens the engine, once the problems are there.
        settings: how each benchmark is sampled.
        judging: what counts as equal.
        batch_size: responses sampled at once.
        target: the file to write.
        what: the label of the progress bar.
        temperature: replaces every benchmark's own.

    Raises MtpipeError if there is no benchmark.
    """
    problems = {path.stem: read_rows(path, PROBLEMS) for path in sorted(paths.BENCHMARKS.glob("*.parquet"))}
    if not problems:
        raise MtpipeError(f"{paths.BENCHMARKS} has no benchmarks; `dvc repro` makes them")
    sampling = {name: settings.of(name, temperature) for name in problems}
    rows, shares = [], {}
    count = sum(len(found) * sampling[name].samples for name, found in problems.items())
    with opened as engine, token_bar(count, what) as bar:
        tokens = 0
        for name in problems:
            texts = []
            for response in sample_evaluation(engine, problems[name], sampling[name], settings.seed, batch_size):
                texts.append({**vars(response), "text": engine.vocabulary.decode(response.response_ids)})
                tokens += len(response.response_ids)
                show_tokens(bar, tokens)
                bar.update()
            texts.sort(key=lambda row: (row["problem_id"], row["sample"]))
            verdicts = judge_responses(problems[name], texts, judging)
            shares[name] = sum(verdict["verdict"] == "correct" for verdict in verdicts) / len(verdicts)
            for response_row, verdict in zip(texts, verdicts, strict=True):
                rows.append(
                    {
                        "benchmark": name,
                        "problem_id": verdict["problem_id"],
                        "sample": verdict["sample"],
                        "correct": verdict["verdict"] == "correct",
                        "verdict": verdict["verdict"],
                        "answer": verdict["answer"],
                        "tokens": len(response_row["response_ids"]),
                        "finish_reason": response_row["finish_reason"],
                        "text": response_row["text"],
                    }
                )
    write_rows(target, rows, EVALUATION)
    return shares
