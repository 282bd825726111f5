"""The warm start's batches."""

from itertools import islice

import torch

from mtpipe.learn.warm_start import length_batches


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
