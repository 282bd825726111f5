"""Prompts that are read once for all their responses, against prompts that are repeated for each."""

import random
from dataclasses import replace

import pytest
import torch
from builders import rollout
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from benchmarks.small_models import small_model
from mtpipe.errors import MtpipeError
from mtpipe.learn.after_round import mean_logprobs
from mtpipe.learn.batching.groups import RolloutGroup
from mtpipe.learn.batching.micro_batches import PADDING, prompt_batches
from mtpipe.learn.batching.steps import TrainingSample
from mtpipe.learn.scoring.scorer import Scorer
from mtpipe.learn.scoring.shared_prompts import can_share, laid_out, shares_prompts
from mtpipe.learn.state.learner import Learner
from mtpipe.learn.state.optimizer import Optimizer
from mtpipe.learn.update import take_step
from mtpipe.model.policy import load_policy
from mtpipe.settings.update import Update

pytestmark = pytest.mark.slow

VOCABULARY = 18


def responses_to(prompts: list[int], group_size: int = 4, longest: int = 14, seed: int = 0) -> list[TrainingSample]:
    """Responses to prompts of these lengths; some of the tokens' distributions were cut."""
    generator = random.Random(seed)
    found = []
    for problem, length in enumerate(prompts):
        prompt = [generator.randrange(2, VOCABULARY) for _ in range(length)]
        for _ in range(group_size):
            ids = [generator.randrange(2, VOCABULARY) for _ in range(generator.randrange(1, longest))]
            kept = [sorted({token, *generator.sample(range(VOCABULARY), 5)}) for token in ids]
            found.append(
                TrainingSample(
                    rollout(
                        ids,
                        prompt,
                        problem_id=str(problem),
                        behaviour_logprobs=[-generator.uniform(1.0, 4.0) for _ in ids],
                        temperatures=[generator.uniform(0.5, 1.5) for _ in ids],
                        mask_sizes=[len(tokens) for tokens in kept],
                        mask_ids=[token for tokens in kept for token in tokens],
                    ),
                    generator.choice([-1.0, 1.0]),
                    weight=0.05,
                    round_start_logprobs=[-generator.uniform(1.0, 4.0) for _ in ids],
                    reference_logprobs=[-generator.uniform(1.0, 4.0) for _ in ids],
                )
            )
    return found


class Halted(Optimizer):
    """Keeps the gradients and takes no step."""

    def step(self) -> None:
        self.gradients = {name: parameter.grad.clone() for name, parameter in self._parameters.items()}


def step_of(policy, responses: list[TrainingSample], settings: Update, entropy: float = 0.0) -> tuple[dict, dict]:
    """The step's metrics and gradients."""
    policy.model.zero_grad(set_to_none=True)
    halted = Halted(policy.model, 1e-3, 0, max_grad_norm=1e9)
    learner = replace(Learner.of(policy, settings), optimizer=halted)
    metrics = take_step(learner, responses, check=False, entropy_coefficient=entropy)
    return metrics, halted.gradients


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"target": "untempered", "importance": "sequence_mask", "kl_coefficient": 0.3, "loss": "grpo"},
        {"loss": "gspo", "tokens_per_micro_batch": 10_000},
    ],
)
def test_losses_and_gradients_are_those_of_repeated_prompts(policy, params, changes):
    responses = responses_to([3, 40, 17, 1, 8])
    settings = params.update.model_copy(update={"tokens_per_micro_batch": 100, "share_prompts": False, **changes})
    sharing = settings.model_copy(update={"share_prompts": True})
    assert len(prompt_batches(responses, 100, True)) > 1
    expected, gradients = step_of(policy, responses, settings, entropy=0.1)
    found, shared = step_of(policy, responses, sharing, entropy=0.1)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)
    for name, gradient in gradients.items():
        assert (shared[name] - gradient).norm() <= 1e-5 * gradient.norm(), name


def test_in_bfloat16_they_are_as_near_to_the_exact_ones_as_repeated_prompts_are(policy_folder, params):
    policy = load_policy(policy_folder)
    responses = responses_to([3, 40, 17, 1, 8], group_size=16)
    exact = step_of(policy, responses, params.update.model_copy(update={"share_prompts": False}))[1]

    def distance(share: bool) -> float:
        settings = params.update.model_copy(update={"share_prompts": share, "precision": "bfloat16"})
        found = step_of(policy, responses, settings)[1]
        return sum((found[name] - exact[name]).norm() / exact[name].norm() for name in exact) / len(exact)

    assert distance(True) < 1.2 * distance(False)


def test_log_probs_at_candidate_temperatures_are_those_of_repeated_prompts(policy, params):
    rollouts = [one.rollout for one in responses_to([3, 40, 17], group_size=2)]
    groups = [RolloutGroup("p", rollouts, [0.0] * len(rollouts))]
    repeated, shared = (
        mean_logprobs(groups, Scorer(policy.model), settings, [0.7, 1.0, 1.3])
        for settings in (params.update.model_copy(update={"share_prompts": share}) for share in (False, True))
    )
    torch.testing.assert_close(torch.tensor(shared), torch.tensor(repeated), rtol=1e-5, atol=1e-5)


def new_model(kind, config, **sizes):
    torch.manual_seed(0)
    return kind(config(vocab_size=VOCABULARY, **sizes)).eval()


LLAMA = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


@pytest.mark.parametrize(
    "made",
    [
        lambda: new_model(LlamaForCausalLM, LlamaConfig, **LLAMA, num_key_value_heads=2),
        lambda: new_model(GPT2LMHeadModel, GPT2Config, n_embd=32, n_layer=2, n_head=2, n_positions=64),
    ],
)
def test_other_architectures_score_alike(params, made):
    scorer = Scorer(made())
    responses = responses_to([3, 40, 17])
    found = []
    for share in (False, True):
        scored = {}
        for batch, sequences in laid_out(scorer, responses, params.update.model_copy(update={"share_prompts": share})):
            logprobs = scorer(sequences, torch.ones(len(sequences.response_index)), torch.float32).untempered.detach()
            parts = logprobs.split([len(one.rollout.response_ids) for one in batch])
            scored |= {id(one): part for one, part in zip(batch, parts, strict=True)}
        found.append(torch.cat([scored[id(one)] for one in responses]))
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-5)


def test_a_sliding_window_is_refused_or_left_to_repeated_prompts(params):
    scorer = Scorer(new_model(MistralForCausalLM, MistralConfig, **LLAMA, num_key_value_heads=2, sliding_window=8))
    assert not can_share(scorer)
    responses = responses_to([40, 40])
    assert not shares_prompts(scorer, responses, params.update)
    with pytest.raises(MtpipeError, match=r"share_prompts is true, but MistralForCausalLM .* set it to auto or false"):
        shares_prompts(scorer, responses, params.update.model_copy(update={"share_prompts": True}))


@pytest.mark.parametrize("model_type", ["gpt_neo", "git", "lfm2"])
def test_prompts_are_repeated_for_a_model_that_scores_otherwise_after_prompts_read_before(model_type):
    """A window that counts padding, a mask of its own, and a state."""
    assert not can_share(Scorer(small_model(model_type)))
    assert can_share(Scorer(small_model("llama")))


def test_auto_shares_where_thirty_percent_of_the_tokens_are_saved(policy, params):
    scorer = Scorer(policy.model)

    def shares(prompt: int, response: int, group_size: int = 8, **changes) -> bool:
        group = [TrainingSample(rollout([1] * response, [1] * prompt), 1.0) for _ in range(group_size)]
        return shares_prompts(scorer, group, params.update.model_copy(update=changes))

    assert shares(600, 150)
    assert shares(53, 100)
    assert not shares(52, 100)
    assert not shares(600, 150, group_size=1)
    assert not shares(600, 150, gradient_checkpointing=True)
    assert not shares(600, 150, share_prompts=False)
    assert shares(1, 150, share_prompts=True)


def test_sharing_and_gradient_checkpointing_together_are_refused(params):
    both = params.update.model_dump() | {"share_prompts": True, "gradient_checkpointing": True}
    with pytest.raises(ValueError, match="set one of them to false, or share_prompts to auto"):
        Update.model_validate(both)


def test_a_portion_has_whole_groups_and_its_batches_stay_within_their_tokens():
    responses = responses_to([3, 40, 17, 1, 8, 30, 30, 30], group_size=6)
    found = prompt_batches(responses, 120, share_prompts=True)
    batches = [batch for prompt_batch in found for batch, factor in prompt_batch.batches if factor == 1]
    assert sorted(id(one) for batch in batches for one in batch) == sorted(map(id, responses))
    assert len(found) == len({tuple(prompt) for prompt_batch in found for prompt in prompt_batch.prompts}) - 4
    for prompt_batch in found:
        given = {tuple(one.rollout.prompt_ids) for batch, _ in prompt_batch.batches for one in batch}
        assert given == {tuple(prompt) for prompt in prompt_batch.prompts}
        read = len(prompt_batch.prompts) * max(map(len, prompt_batch.prompts))
        assert len(prompt_batch.prompts) == 1 or read <= 60
        for batch, _ in prompt_batch.batches:
            lengths = [len(one.rollout.response_ids) for one in batch]
            computed = len(batch) * max(lengths)
            assert len(batch) == 1 or (read + computed <= 120 and computed - sum(lengths) <= PADDING * computed)
