"""Stage start: puts the warm start in place as a run's first policy."""

import shutil

from mtpipe import paths
from mtpipe.files import atomic
from mtpipe.run.stage import run_stage


def main(arm: str, seed: int) -> None:
    """Copies the warm start into one run's round 0."""
    with atomic(paths.policy(arm, seed, 0)) as folder:
        shutil.copytree(paths.WARM_START / "policy", folder)


if __name__ == "__main__":
    run_stage(main)
