import json

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.rounds import sample_evaluation, sample_round
from mtpipe.sampling.stop_strings import StopStrings
from mtpipe.sampling.torch_engine import TorchEngine, sample
from mtpipe.temperature.round_plan import ResponsePlan, RoundPlan, RoundTemperatures
from mtpipe.temperature.rules.uniform import ResolvedUniform

PROMPTS = ["2+9*3-4>", "1+2>", "3*3*3*3*3>", "7-5+1>", "9>"]
SAMPLES = 12
UNIFORM = ResolvedUniform(temperature=1.0)


def responses(policy, stop, batch_size=1000, samples=SAMPLES):
    requests = [
        Request(prompt, index, policy.encode(prompt), 1.0, UNIFORM) for prompt in PROMPTS for index in range(samples)
    ]
    plan = SamplingPlan(1, "round 0", max_new_tokens=40, batch_size=batch_size, stop=stop)
    return {(one.problem_id, one.sample): one for one in sample(policy, requests, plan)}


@pytest.mark.parametrize("stop", [("=",), ("4+", "=2"), ("99",)])
def test_a_response_ends_with_the_first_stop_string_and_is_otherwise_the_same(policy, stop):
    without, having = responses(policy, ()), responses(policy, stop)
    stopped = 0
    for key, whole in without.items():
        ids = whole.response_ids
        prefixes = [policy.tokenizer.decode(ids[: n + 1], skip_special_tokens=False) for n in range(len(ids))]
        ends = [n + 1 for n, prefix in enumerate(prefixes) if any(one in prefix for one in stop)]
        length = ends[0] if ends else len(ids)
        assert having[key].response_ids == whole.response_ids[:length]
        assert having[key].temperatures == whole.temperatures[:length]
        torch.testing.assert_close(having[key].behaviour_logprobs, whole.behaviour_logprobs[:length], atol=1e-5, rtol=0)
        assert having[key].finish_reason == ("stop" if ends else whole.finish_reason)
        stopped += bool(ends)
    assert stopped > 0


@pytest.mark.slow
def test_stop_strings_do_not_depend_on_the_batch(policy):
    one, together = (responses(policy, ("4+", "=2"), size, samples=3) for size in (1, 1000))
    assert {key: found.response_ids for key, found in one.items()} == {
        key: found.response_ids for key, found in together.items()
    }


def test_rounds_and_evaluations_stop_where_their_problems_say(policy, params, tmp_path):
    problems = [{"problem_id": one, "prompt": one, "meta": json.dumps({"stop": ["=", "+"]})} for one in PROMPTS]
    group = RoundPlan(arm="uniform", round=0, group=[ResponsePlan(base=1.0, rule=UNIFORM)] * 4)
    temperatures = RoundTemperatures(group, tmp_path)
    sampling = params.sampling.model_copy(update={"group_size": 4, "max_new_tokens": 30})
    engine = TorchEngine(policy)
    drawn = list(sample_round(engine, problems, temperatures, 1, 0, sampling))
    drawn += sample_evaluation(engine, problems, params.evaluate.model_copy(update={"samples": 4}), 0, 100)
    texts = [policy.decode(response.response_ids) for response in drawn]
    assert sum(text.endswith(("=", "+")) for text in texts) > len(texts) / 2
    assert not any(mark in text[:-1] for text in texts for mark in "=+")


@pytest.fixture(scope="module")
def byte_pairs() -> Tokenizer:
    """Byte pairs, so that a stop string may begin and end within tokens, and characters may be split."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<end>"]
    )
    tokenizer.train_from_iterator(["so </answer>\n\nNext ", "an answer>", "x</ans", " </answer>."] * 5, trainer)
    return tokenizer


@pytest.mark.parametrize(
    ("text", "stop"),
    [
        ("so it is 4 </answer>\n\nNext question", "</answer>"),
        ("I say answer> and </answer or </ answer>, then </answer>.", "</answer>"),
        ("a dash – or two", "–"),
        ("ends <end> here", "<end>"),
        ("never", "</answer>"),
    ],
)
def test_it_is_found_at_the_token_that_completes_it(byte_pairs, text, stop):
    ids = byte_pairs.encode(text).ids
    tokens = torch.tensor([ids])
    stops = StopStrings.of(byte_pairs, (stop,), byte_pairs.get_vocab_size() + 7, torch.device("cpu"))
    found = [step for step in range(len(ids)) if stops.ended(tokens, torch.tensor([0]), step)[0]]
    decoded = [byte_pairs.decode(ids[: step + 1], skip_special_tokens=False) for step in range(len(ids))]
    complete = [step for step, prefix in enumerate(decoded) if stop in prefix]
    assert found[:1] == complete[:1]
