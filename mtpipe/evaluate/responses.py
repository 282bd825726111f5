"""A policy's judged responses to the held-out benchmarks."""

from pathlib import Path

from mtpipe import paths
from mtpipe.params import Params
from mtpipe.records import EVALUATION, PROBLEMS, read_rows, write_rows
from mtpipe.sampling.engine import open_engine
from mtpipe.sampling.rounds import sample_evaluation
from mtpipe.stage import progress_bar
from mtpipe.tasks.arithmetic import BENCHMARKS
from mtpipe.verify.judging import judge_responses


def evaluate(params: Params, folder: Path, target: Path, what: str) -> None:
    """Samples and judges every benchmark with the policy in `folder`, and writes rows of records.EVALUATION.

    Every policy meets the same problems with the same random numbers, so that differences between arms are paired.
    """
    settings = params.evaluate
    problems = {name: read_rows(paths.benchmark(name), PROBLEMS) for name in BENCHMARKS}
    rows = []
    count = sum(map(len, problems.values())) * settings.samples
    with open_engine(params, folder) as engine, progress_bar(count, what, "responses") as bar:
        for name in BENCHMARKS:
            texts = []
            for response in sample_evaluation(engine, problems[name], settings, params.sampling.batch_size):
                texts.append({**vars(response), "text": engine.vocabulary.decode(response.response_ids)})
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
                        "text": response_row["text"],
                    }
                )
    write_rows(target, rows, EVALUATION)
