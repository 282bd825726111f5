"""Two rounds of several arms through the real stages, with a tiny policy."""

from pathlib import Path

import numpy as np
import pytest
from builders import run_stage, write_params
from chains import ARMS, GROUP, LIMIT, PROMPTS, ROUNDS, SEED

from mtpipe import paths
from mtpipe.model.policy import save_policy
from mtpipe.run.stage_plan import settings_for
from mtpipe.temperature.entropy_table import write_entropy_table
from stages import measure, plan, prepare, rollout, start, update, verify


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, policy_folder, loaded_policy) -> Path:
    """A folder with problems, plans and a warm start whose distributions are far from even."""
    folder = tmp_path_factory.mktemp("chains")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_params(
            {
                "arms": list(ARMS),
                "seeds": [SEED],
                "rounds": len(ROUNDS),
                "temperature": ARMS,
                "task": {"warm_start_problems": 20, "train_problems": 40, "benchmark_problems": 4},
                "sampling": {"group_size": GROUP, "prompts": PROMPTS, "max_new_tokens": LIMIT, "batch_size": 11},
                "reward": {"format": 0.3, "overlong_buffer": LIMIT, "overlong_penalty": 0.5},
                "update": {"prompts_per_step": 2, "learning_rate": 1e-3, "warmup_steps": 3, "clip_high": 0.3},
                "evaluate": {"samples": 3, "max_new_tokens": LIMIT, "sweep": [0.5]},
                "tracking": {"sample_rollouts": 5},
            }
        )
        Path("inputs").mkdir()
        run_stage(prepare)
        save_policy(loaded_policy, paths.WARM_START / "policy", tokenizer_from=policy_folder)
        write_entropy_table(paths.WARM_START / "policy", np.linspace(0.0, 3.0, 301))
        plan.main()
    return folder


@pytest.fixture(scope="session")
def trained(prepared) -> Path:
    """The same after two rounds of every arm, measured."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(prepared)
        for arm in ARMS:
            start.main(arm, SEED, **settings_for(start.main))
            for round in ROUNDS:
                for stage in (rollout, verify, update):
                    stage.main(arm, SEED, round, **settings_for(stage.main))
            measure.main(arm, SEED, **settings_for(measure.main))
    return prepared


@pytest.fixture
def here(trained, monkeypatch) -> Path:
    """The finished chains as the working directory; their files are shared and stay as they are."""
    monkeypatch.chdir(trained)
    return trained
