"""Stage plan: checks params.yaml and resolves the temperatures of every arm and round into one small file each.

An arm's own settings of the loss go into a file of the arm, which its updates read.

It runs after every edit of params.yaml, and is the only stage that does: the rollouts depend on their own
round's file, which stays the same where the resolved temperatures do.
"""

from mtpipe import paths
from mtpipe.files import write_json, write_text
from mtpipe.params import load_params
from mtpipe.stage import run_stage


def main() -> None:
    """Resolves the temperatures of every arm and round."""
    params = load_params()
    for arm in params.arms:
        write_json(paths.arm_update(arm), params.temperature[arm].update)
    for plan in params.plans():
        write_text(paths.round_plan(plan.arm, plan.round), plan.model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    run_stage(main)
