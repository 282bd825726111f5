"""Stage warm_start: the warm start, and the entropies that its quantile thresholds start from."""

import shutil

from mtpipe import paths
from mtpipe.files import atomic, write_json
from mtpipe.learn.warm_start import warm_start
from mtpipe.model.policy import load_policy, new_checkpoint, prepare_torch, save_policy
from mtpipe.params import load_params
from mtpipe.progress import progress_bar
from mtpipe.records import EXAMPLES, PROBLEMS, read_rows
from mtpipe.run.stage import run_stage
from mtpipe.sampling.opening import open_engine
from mtpipe.sampling.rounds import calibration_entropies
from mtpipe.tasks.vocabulary import VOCABULARIES
from mtpipe.temperature.entropy_table import write_entropy_table


def main() -> None:
    """Trains the warm start on worked answers, where the task has any."""
    params = load_params()
    device = prepare_torch(params.compute)
    examples = read_rows(paths.WARM_START_EXAMPLES, EXAMPLES) if params.warm_start.steps else []
    problems = read_rows(paths.TRAIN, PROBLEMS)

    with atomic(paths.WARM_START / "policy") as folder:
        source = folder.with_name(".initial")
        shutil.rmtree(source, ignore_errors=True)
        if params.model.checkpoint is None:
            vocabulary = VOCABULARIES[params.task.name]
            new_checkpoint(source, params.model, vocabulary.characters, vocabulary.max_positions)
        else:
            shutil.copytree(params.model.checkpoint, source)
        policy = load_policy(source, device)
        with progress_bar(params.warm_start.steps, "warm start", "steps") as progress:
            curve = warm_start(policy, examples, params.warm_start, params.model.seed, progress)
        save_policy(policy, folder, tokenizer_from=source)
        shutil.rmtree(source)
        del policy  # its memory is the engine's now
        with open_engine(params, folder) as engine:
            entropies = calibration_entropies(
                engine, problems, params.warm_start.calibration_responses, params.sampling
            )
        write_entropy_table(folder, entropies)
    write_json(paths.WARM_START / "curve.json", curve)


if __name__ == "__main__":
    run_stage(main)
