"""Stage evaluate: a policy's judged responses to every held-out benchmark.

Every policy meets the same problems with the same random numbers, so that differences between arms are paired.
"""

from pathlib import Path

from mtpipe import paths
from mtpipe.params import Params, load_params
from mtpipe.policy import load_policy, prepare_torch
from mtpipe.records import EVALUATION, PROBLEMS, read_rows, write_rows
from mtpipe.sampling.rounds import sample_at
from mtpipe.stage import progress_bar, run_stage
from mtpipe.tasks.arithmetic import BENCHMARKS
from mtpipe.verify.judging import judge_responses


def main(arm: str, seed: int, after: int) -> None:
    """Evaluates one run's policy after a number of rounds."""
    evaluate(load_params(), paths.policy(arm, seed, after), paths.evaluation(arm, seed, after), f"evaluate {arm}")


def evaluate(params: Params, folder: Path, target: Path, what: str) -> None:
    """Samples and judges every benchmark with the policy in `folder`, and writes rows of records.EVALUATION."""
    policy = load_policy(folder, prepare_torch(params.compute))
    settings = params.evaluate
    problems = {name: read_rows(paths.benchmark(name), PROBLEMS) for name in BENCHMARKS}
    rows = []
    with progress_bar(sum(map(len, problems.values())) * settings.samples, what, "responses") as bar:
        for name in BENCHMARKS:
            responses = []
            for response in sample_at(
                policy,
                problems[name],
                settings.samples,
                settings.temperature,
                settings.seed,
                "evaluation",
                params.sampling,
            ):
                responses.append({**vars(response), "text": policy.decode(response.response_ids)})
                bar.update()
            responses.sort(key=lambda row: (row["problem_id"], row["sample"]))
            for response, verdict in zip(
                responses, judge_responses(problems[name], responses, params.reward), strict=True
            ):
                rows.append(
                    {
                        "benchmark": name,
                        "problem_id": verdict["problem_id"],
                        "sample": verdict["sample"],
                        "correct": verdict["verdict"] == "correct",
                        "verdict": verdict["verdict"],
                        "answer": verdict["answer"],
                        "tokens": len(response["response_ids"]),
                        "text": response["text"],
                    }
                )
    write_rows(target, rows, EVALUATION)


if __name__ == "__main__":
    run_stage(main, arm=str, seed=int, after=int)
