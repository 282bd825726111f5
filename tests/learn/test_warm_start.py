"""The warm start's batches, and what it teaches."""

import copy
import os
from itertools import islice

import pytest
import torch
from tqdm import tqdm

from mtpipe.learn import warm_start as module
from mtpipe.learn.scoring.sequences import pad
from mtpipe.learn.warm_start import length_batches, warm_start


def lengths(count: int) -> torch.Tensor:
    return torch.randint(10, 45, (count,), generator=torch.Generator().manual_seed(1))


def test_an_epoch_holds_every_example_once():
    of = lengths(1000)
    epoch = islice(length_batches(of, 32, torch.Generator().manual_seed(0)), 1000 // 32 + 1)
    assert sorted(index for batch in epoch for index in batch) == list(range(1000))


def test_a_new_epoch_has_another_order():
    batches = list(islice(length_batches(lengths(1000), 32, torch.Generator().manual_seed(0)), 64))
    assert batches[:32] != batches[32:]


def test_batches_need_little_padding():
    of = lengths(4096)
    batches = islice(length_batches(of, 64, torch.Generator().manual_seed(0)), 64)
    computed = sum(len(batch) * int(of[batch].max()) for batch in batches)
    assert int(of.sum()) > 0.93 * computed


EXAMPLES = [
    {"prompt": "1+2>", "response": "1+2=3"},
    {"prompt": "2*3-1>", "response": "2*3=6,6-1=5"},
    {"prompt": "9-4>", "response": "9-4=5"},
    {"prompt": "8+1*9>", "response": "1*9=9,8+9=17"},
]


@pytest.mark.slow
def test_a_warm_started_policy_ends_its_answers(policy, params):
    settings = params.warm_start.model_copy(update={"steps": 60, "batch_size": 4, "learning_rate": 1e-2})
    warm_start(policy, EXAMPLES[:1] * 4, settings, 0, tqdm(disable=True))
    ids = policy.encode("1+2>1+2=3")
    with torch.no_grad():
        last = policy.model(torch.tensor([ids])).logits[0, -1].softmax(-1)
    assert last[policy.stop_ids[0]] > 0.9


@pytest.mark.parametrize(("seed", "rows"), [(3, 1), (4, 32)])
def test_it_is_cross_entropy_over_responses_with_clipping_and_warm_up(policy, params, seed, rows, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_A_PART", rows)
    settings = params.warm_start.model_copy(
        update={"steps": 4, "batch_size": 2, "learning_rate": 1e-2, "warmup_steps": 3}
    )
    twin = copy.deepcopy(policy)
    warm_start(policy, EXAMPLES, settings, seed, tqdm(disable=True))
    prompts = [twin.encode(one["prompt"]) for one in EXAMPLES]
    responses = [[*twin.encode(one["response"]), twin.stop_ids[0]] for one in EXAMPLES]
    peer = torch.optim.AdamW(twin.model.parameters(), betas=(0.9, 0.95), weight_decay=0.0)
    batches = length_batches(
        torch.tensor([len(one) + len(other) for one, other in zip(prompts, responses, strict=True)]),
        2,
        torch.Generator().manual_seed(seed),
    )
    for step, batch in enumerate(islice(batches, 4)):
        sequences = pad([prompts[i] for i in batch], [responses[i] for i in batch])
        peer.zero_grad()
        logits = twin.model(sequences.ids).logits[sequences.response_index, sequences.column - 1]
        torch.nn.functional.cross_entropy(logits, sequences.targets).backward()
        assert torch.nn.utils.clip_grad_norm_(twin.model.parameters(), 1.0) > 1, "the clip has something to do"
        peer.param_groups[0]["lr"] = 1e-2 * min(1.0, (step + 1) / 3)
        peer.step()
    for one, other in zip(policy.model.parameters(), twin.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=5e-5)  # AdamW takes small gradients for large


def test_the_policy_is_the_same_to_the_last_bit_for_any_number_of_cores(policy, params, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_A_PART", 1)
    settings = params.warm_start.model_copy(update={"steps": 6, "batch_size": 3})
    made = []
    for count in (1, 2, 5):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, count=count: set(range(count)), raising=False)
        twin = copy.deepcopy(policy)
        warm_start(twin, EXAMPLES, settings, 0, tqdm(disable=True))
        made.append(list(twin.model.parameters()))
    for others in made[1:]:
        assert all(torch.equal(one, other) for one, other in zip(made[0], others, strict=True))
