"""Stage warm_start: the warm start, and the entropies that its quantile thresholds start from."""

import shutil
from typing import Annotated

from mtpipe import paths
from mtpipe.files import atomic, write_json
from mtpipe.learn.warm_start import place_checkpoint
from mtpipe.learn.warm_start import warm_start as train_on_answers
from mtpipe.model.policy import load_policy, prepare_torch, save_policy
from mtpipe.progress import progress_bar
from mtpipe.records import EXAMPLES, PROBLEMS, read_rows
from mtpipe.run.stage import run_stage
from mtpipe.sampling.opening import open_engine, uses_vllm
from mtpipe.sampling.rounds import calibration_entropies
from mtpipe.settings.model import Compute, StartingModel, WarmStart
from mtpipe.settings.sampling import Ray, ResponseSampling
from mtpipe.tasks.vocabulary import NewModelVocabulary
from mtpipe.temperature.entropy_table import write_entropy_table


def main(
    *,
    vocabulary: Annotated[NewModelVocabulary, "task.vocabulary"],
    model: StartingModel,
    warm_start: WarmStart,
    sampling: ResponseSampling,
    compute: Compute,
    ray: Ray,
) -> None:
    """Trains the warm start on worked answers, where the task has any."""
    examples = read_rows(paths.WARM_START_EXAMPLES, EXAMPLES) if warm_start.steps else []
    problems = read_rows(paths.TRAIN, PROBLEMS)
    with atomic(paths.WARM_START / "policy") as folder:
        source = folder.with_name(".initial")
        place_checkpoint(source, model, **vars(vocabulary))
        policy = load_policy(source, prepare_torch(compute), sampled=not uses_vllm(sampling, compute))
        with progress_bar(warm_start.steps, "warm start", "steps") as progress:
            curve = train_on_answers(policy, examples, warm_start, model.seed, progress)
        save_policy(policy, folder, tokenizer_from=source)
        shutil.rmtree(source)
        del policy  # its memory is the engine's now
        with open_engine(folder, sampling, compute, ray) as engine:
            entropies = calibration_entropies(engine, problems, warm_start.calibration_responses, sampling)
        write_entropy_table(folder, entropies)
    write_json(paths.WARM_START / "curve.json", curve)


if __name__ == "__main__":
    run_stage(main)
