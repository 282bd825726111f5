"""Our update against TRL's GRPOTrainer: one optimizer step of DAPO on the same rollouts, model and threads.

Response lengths are log-normal, as those of reasoning models are. Both sides take the forward and backward passes,
gradient clipping and AdamW, with micro-batches of at most the same padded size. TRL's batch is laid out and split as
its trainer does it, by its own functions: one width for the whole generation batch, rows in random order. The sides
take turns, and the ratio is taken turn by turn; tokens are response tokens.

Then our step with prompts that are read once for all responses against prompts that are repeated for each, at several
lengths of both.
"""

import copy
import math
import random
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks.sampling import compare
from mtpipe.learn.batching.micro_batches import micro_batches
from mtpipe.learn.batching.steps import OptimizerStep, TrainingSample
from mtpipe.learn.losses.aggregation import token_mean
from mtpipe.learn.scoring.shared_prompts import shares_prompts
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.update import take_step, update_policy
from mtpipe.model.policy import load_policy, new_checkpoint, prepare_torch
from mtpipe.params import load_params
from mtpipe.records import Rollout
from mtpipe.settings.mismatch import Mismatch, TokenTruncate, Uncorrected
from mtpipe.tasks.synthetic import arithmetic

PROMPTS, GROUP_SIZE = 16, 8
LONGEST = 384
MICRO_BATCH = 8192
HIDDEN, LAYERS = 128, 4
LENGTHS = [(8, 25), (40, 120), (150, 600), (300, 300), (600, 150)]
"""Of prompts and responses, in the mean: of the default task, of the rollouts above, of reasoning, of few shots."""
TOKENS = 24_000
"""Of prompts and responses together in a comparison at one of these lengths."""


def main() -> None:
    from trl.trainer.utils import shuffle_sequence_dict, split_tensor_dict

    from benchmarks.trl_peer import local_batch, trainer

    params = load_params()
    device = prepare_torch(params.compute)
    settings = params.update.model_copy(update={"tokens_per_micro_batch": MICRO_BATCH, "dual_clip": None})
    responses = rollouts()
    tokens = sum(len(one.rollout.response_ids) for one in responses)
    splits = -(-len(responses) // (MICRO_BATCH // max(map(len, responses))))
    with tempfile.TemporaryDirectory() as folder:
        sizes = params.model.model_copy(update={"hidden_size": HIDDEN, "layers": LAYERS})
        new_checkpoint(Path(folder) / "policy", sizes, arithmetic.VOCABULARY, max_positions=4096)
        policy = load_policy(Path(folder) / "policy", device)
        options = {"loss_type": "dapo", "beta": 0.0, "epsilon": 0.2, "epsilon_high": 0.28}
        peer = trainer(copy.deepcopy(policy), folder, max_completion_length=LONGEST, **options)
    peer.current_gradient_accumulation_steps = peer.args.steps_per_generation = splits
    generated = local_batch(responses, tokens)
    items = generated.pop("num_items_in_batch")
    learner = Learner.of(policy, settings.model_copy(update={"learning_rate": 1e-6, "warmup_steps": 0}))
    adamw = torch.optim.AdamW(peer.model.parameters(), lr=1e-6, betas=(0.9, 0.95), weight_decay=0.0)
    peer.model.train()

    def ours() -> int:
        take_step(learner, responses, check=False)
        return tokens

    def trl() -> int:
        for batch in split_tensor_dict(shuffle_sequence_dict(generated), splits):
            peer.compute_loss(peer.model, {**batch, "num_items_in_batch": items}).backward()
        torch.nn.utils.clip_grad_norm_(peer.model.parameters(), 1.0)
        adamw.step()
        adamw.zero_grad()
        return tokens

    batches = list(micro_batches(responses, MICRO_BATCH))
    real = sum(map(len, responses))
    width = generated["prompt_ids"].shape[1] + generated["completion_ids"].shape[1]
    print(
        f"{len(responses)} responses, {tokens} response tokens, {torch.get_num_threads()} threads on {device};", end=" "
    )
    print(
        f"padding of the computed tokens: ours {1 - real / sum(max(map(len, b)) * len(b) for b in batches):.1%}", end=""
    )
    print(f" in {len(batches)} micro-batches, TRL {1 - real / (width * len(responses)):.1%} in {splits}")
    compare("our update / TRL's GRPOTrainer step", ours, trl)
    compare_correction(learner, responses)
    for prompt, response in LENGTHS:
        compare_sharing(learner, prompt, response)


def compare_correction(learner: Learner, responses: list[TrainingSample]) -> None:
    """Prints what the forward pass beforehand, which a correction of the mismatch needs, leaves of a step's speed."""
    tokens = sum(len(one.rollout.response_ids) for one in responses)
    step = OptimizerStep(GROUP_SIZE * PROMPTS, responses, {})
    anything = {"logprob_tolerance": 1e9, "tokens_per_micro_batch": MICRO_BATCH}

    def update(mismatch: Mismatch) -> int:
        settings = learner.settings.model_copy(update={**anything, "mismatch": mismatch})
        update_policy(replace(learner, settings=settings), [step], tqdm(disable=True))
        return tokens

    corrected = TokenTruncate(kind="token_truncate")
    what = "a round of one step with update.mismatch token_truncate / none"
    compare(what, lambda: update(corrected), lambda: update(Uncorrected()))


def compare_sharing(learner: Learner, prompt: int, response: int) -> None:
    """Prints the ratio at prompts and responses of about these lengths."""
    problems = max(2, TOKENS // (GROUP_SIZE * (prompt + response)))
    responses = rollouts(problems, (prompt // 2, prompt * 3 // 2), math.log(response) - 0.125, 0.5, 3 * response)
    tokens = sum(len(one.rollout.response_ids) for one in responses)

    def step(share: bool) -> int:
        sharing = learner.settings.model_copy(update={"share_prompts": share})
        take_step(replace(learner, settings=sharing), responses, check=False)
        return tokens

    auto = "shares" if shares_prompts(learner.scorer, responses, learner.settings) else "repeats"
    what = f"prompts of about {prompt} tokens, responses of {response}: read once / repeated (auto {auto})"
    compare(what, lambda: step(True), lambda: step(False))


def rollouts(
    problems: int = PROMPTS,
    prompts: tuple[int, int] = (20, 60),
    log_mean: float = 4.5,
    deviation: float = 0.8,
    longest: int = LONGEST,
) -> list[TrainingSample]:
    """Random tokens; the responses' lengths are log-normal, by default with a median of 90, and cut at `longest`."""
    generator = random.Random(0)
    responses = []
    for problem in range(problems):
        prompt = [generator.randrange(2, 16) for _ in range(generator.randrange(*prompts))]
        for _ in range(GROUP_SIZE):
            length = max(4, min(longest, round(generator.lognormvariate(log_mean, deviation))))
            ids = [generator.randrange(2, 16) for _ in range(length)]
            advantage = generator.choice([-1.0, 1.0])
            rollout = Rollout(
                problem_id=str(problem),
                sample=len(responses),
                base_temperature=1.0,
                prompt_ids=prompt,
                response_ids=ids,
                behaviour_logprobs=[-2.8] * length,
                temperatures=[1.0] * length,
                entropies=[1.0] * length,
            )
            responses.append(TrainingSample(rollout, advantage))
    weights = token_mean([len(one.rollout.response_ids) for one in responses])
    return [replace(one, weight=weight) for one, weight in zip(responses, weights, strict=True)]


if __name__ == "__main__":
    main()
