"""Stage plan: checks params.yaml and resolves the temperatures of every arm and round into one small file each.

The settings of its updates, an arm's own for the loss among them, go into a file of the arm, which the updates read
in the place of params.yaml.

It runs after every edit of params.yaml, and is the only stage that does: the rollouts depend on their own
round's file, which stays the same where the resolved temperatures do.
"""

from mtpipe import paths
from mtpipe.files import write_json, write_text
from mtpipe.params import load_params
from mtpipe.run.stage import run_stage


def main() -> None:
    """Resolves the temperatures of every arm and round."""
    params = load_params()
    for arm in params.arms:
        settings = params.update.overridden(params.temperature[arm].update)
        write_json(paths.arm_update(arm), settings.model_dump(mode="json"))
    for plan in params.plans():
        write_text(paths.round_plan(plan.arm, plan.round), plan.model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    run_stage(main)
