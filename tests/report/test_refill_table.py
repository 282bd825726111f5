"""The report's table of what dynamic sampling drew."""

from types import SimpleNamespace

from mtpipe.report.refill import refill_table
from mtpipe.settings.sampling import Refill

KEYS = ("groups_drawn", "groups_kept", "groups_surplus", "groups_uniform_right", "groups_uniform_wrong")


def test_an_arms_rounds_and_seeds_are_summed_and_shares_are_of_all_that_was_drawn(params):
    sampling = params.sampling.model_copy(update={"refill": Refill(until="prompts", at_most=3)})
    found = params.model_copy(update={"arms": ["uniform"], "seeds": [1, 2], "sampling": sampling})
    updates = {}
    for seed in (1, 2):
        for round in found.rounds:
            counts = dict(zip(KEYS, (40, 16, 2, 12, 8), strict=True))
            rest = {"groups_uniform_mixed": 2, "tokens_discarded": 300 * seed, "refill_ended": int(round.n == 0)}
            updates["uniform", seed, round.n] = {"tokens": 1000, "refill": counts | rest}
    table = refill_table(SimpleNamespace(params=found, updates=updates))
    [(_, [(arm, cells)])] = table.groups
    assert arm == "uniform"
    texts = [cell.text for cell in cells]
    assert texts == ["400", "160", "20", "30.0", "20.0", "5.0", "45.0", "2 of 10"]
    assert refill_table(SimpleNamespace(params=params, updates=updates)) is None
