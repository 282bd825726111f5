"""A policy's judged responses to the held-out benchmarks."""

from pathlib import Path

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.params import EvaluationSampling, Params
from mtpipe.policy import load_policy, prepare_torch
from mtpipe.records import EVALUATION, PROBLEMS, read_rows, write_rows
from mtpipe.sampling.rounds import sample_evaluation
from mtpipe.stage import progress_bar
from mtpipe.tasks.arithmetic import BENCHMARKS
from mtpipe.verify.judging import judge_responses


def evaluate(params: Params, folder: Path, target: Path, what: str, temperature: float | None = None) -> None:
    """Samples and judges every benchmark with the policy in `folder`, and writes rows of records.EVALUATION.

    Every policy meets the same problems with the same random numbers, so that differences between arms are paired.
    With a `temperature` it replaces every benchmark's own.

    Raises MtpipeError where evaluate.benchmarks names a benchmark that the task does not have.
    """
    problems = {name: read_rows(paths.benchmark(name), PROBLEMS) for name in BENCHMARKS}
    settings = _settings(params, list(problems), temperature)
    policy = load_policy(folder, prepare_torch(params.compute))
    rows = []
    total = sum(len(problems[name]) * settings[name].samples for name in problems)
    with progress_bar(total, what, "responses") as bar:
        for name in problems:
            texts = []
            for response in sample_evaluation(
                policy, problems[name], settings[name], params.evaluate.seed, params.sampling.batch_size
            ):
                texts.append({**vars(response), "text": policy.decode(response.response_ids)})
                bar.update()
            texts.sort(key=lambda row: (row["problem_id"], row["sample"]))
            verdicts = judge_responses(problems[name], texts, params.reward)
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
    unknown = sorted(set(params.evaluate.benchmarks) - set(benchmarks))
    if unknown:
        raise MtpipeError(
            f"params.yaml: evaluate.benchmarks has an entry {unknown[0]!r}; "
            f"the benchmarks of task {params.task.name!r} are {', '.join(benchmarks)}"
        )
    settings = {name: params.evaluate.of(name) for name in benchmarks}
    if temperature is None:
        return settings
    return {name: found.model_copy(update={"temperature": temperature}) for name, found in settings.items()}
