"""Stage start: puts the warm start in place as a run's first policy, or a new adapter that leaves it as it is."""

import shutil
from typing import Annotated

from safetensors import serialize_file

from mtpipe import paths
from mtpipe.files import atomic
from mtpipe.run.stage import run_stage
from mtpipe.settings.model import Lora


def main(
    arm: str, seed: int, *, lora: Annotated[Lora | None, "model.lora"], model_seed: Annotated[int, "model.seed"]
) -> None:
    """Copies the warm start into one run's round 0; with `model.lora` an adapter stands for its weights.

    The optimizer's state of round 0 has no tensors: nothing has been learned.
    """
    with atomic(paths.policy(arm, seed, 0)) as folder:
        if lora is None:
            shutil.copytree(paths.WARM_START / "policy", folder)
        else:
            from mtpipe.model.adapter_policy import new_adapter

            new_adapter(paths.WARM_START / "policy", folder, lora, model_seed)
    with atomic(paths.optimizer(arm, seed, 0)) as file:
        serialize_file({}, file)


if __name__ == "__main__":
    run_stage(main)
