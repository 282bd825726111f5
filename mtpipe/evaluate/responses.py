"""A policy's judged responses to the held-out benchmarks."""

from pathlib import Path

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.params import Params
from mtpipe.progress import progress_bar
from mtpipe.records import EVALUATION, PROBLEMS, read_rows, write_rows
from mtpipe.sampling.opening import open_engine
from mtpipe.sampling.rounds import sample_evaluation
from mtpipe.settings.evaluate import EvaluationSampling
from mtpipe.tasks.judging import judge_responses


def evaluate(params: Params, folder: Path, target: Path, what: str, temperature: float | None = None) -> None:
    """Samples and judges every benchmark there is with the policy in `folder`; writes rows of records.EVALUATION.

    Every policy meets the same problems with the same random numbers, so that differences between arms are paired.
    With a `temperature` it replaces every benchmark's own.

    Raises MtpipeError where there is no benchmark.
    """
    problems = {path.stem: read_rows(path, PROBLEMS) for path in sorted(paths.BENCHMARKS.glob("*.parquet"))}
    if not problems:
        raise MtpipeError(f"{paths.BENCHMARKS} has no benchmarks; `dvc repro` makes them")
    settings = _settings(params, list(problems), temperature)
    rows = []
    count = sum(len(found) * settings[name].samples for name, found in problems.items())
    with open_engine(params, folder) as engine, progress_bar(count, what, "responses") as bar:
        for name in problems:
            texts = []
            for response in sample_evaluation(
                engine, problems[name], settings[name], params.evaluate.seed, params.sampling.batch_size
            ):
                texts.append({**vars(response), "text": engine.vocabulary.decode(response.response_ids)})
                bar.update()
            texts.sort(key=lambda row: (row["problem_id"], row["sample"]))
            verdicts = judge_responses(problems[name], texts)
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


def _settings(params: Params, benchmarks: list[str], temperature: float | None) -> dict[str, EvaluationSampling]:
    """Each benchmark's settings."""
    settings = {name: params.evaluate.of(name) for name in benchmarks}
    if temperature is None:
        return settings
    return {name: found.model_copy(update={"temperature": temperature}) for name, found in settings.items()}
