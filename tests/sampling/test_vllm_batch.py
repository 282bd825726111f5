"""The rule and the draw on a batch of rows, without vLLM: rows of every kind side by side, in any order."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtpipe.sampling.drawing.draw import draw_tokens, token_entropies
from mtpipe.sampling.drawing.evenly import Exploring
from mtpipe.sampling.drawing.randomness import rule_uniforms, token_uniforms
from mtpipe.sampling.vllm.batch import BatchRequest, TemperedBatch
from mtpipe.sampling.vllm.records import Joined, join
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.masks import Masks
from mtpipe.temperature.mixed_cuts import MixedCuts
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.rules.random_share import ResolvedRandomShare
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import NONE, Truncation

pytestmark = pytest.mark.slow

VOCABULARY = 30
LIMIT = 50
RULES = [
    ResolvedEntropyThreshold(low=0.7, high=1.6, threshold=2.0),
    ResolvedUniform(temperature=1.3),
    ResolvedRandomShare(low=0.7, high=1.6, share=0.5),
]
TOP_P = Truncation(top_p=0.7)
CUTS = MixedCuts(top_k=4, threshold=0.02, warm_up=8)


def tempered_batch() -> TemperedBatch:
    return TemperedBatch(torch.device("cpu"), SimpleNamespace(model_config=None))


def drawn(
    index: int, truncation: Truncation = NONE, record_masks: bool = False, mixed_cuts: MixedCuts | None = None
) -> BatchRequest:
    uniforms, of_rule = (numbers(0, "test", "p", index, LIMIT) for numbers in (token_uniforms, rule_uniforms))
    rule = RULES[index % 3]
    return BatchRequest(
        rule, truncation, uniforms, f"record {index}", record_masks, of_rule if rule.random else None, mixed_cuts
    )


def step(batch: TemperedBatch, logits: torch.Tensor, slots: list[int], positions: list[int]) -> torch.Tensor:
    previous = torch.zeros(len(slots), dtype=torch.long)
    return batch.apply(logits.clone(), np.array(slots), np.array(positions), previous)


def alone(request: BatchRequest, logits: torch.Tensor, position: int):
    """The token drawn from logits [vocabulary] at a position, in a batch of its own."""
    number = torch.tensor([request.uniforms[position]])
    rules, at = RowTemperatures([request.rule]), torch.tensor([position])
    of_rule = None if request.rule_uniforms is None else torch.tensor([request.rule_uniforms[position]])
    how = request.truncation, request.record_masks, of_rule
    exploring = Exploring(torch.tensor([True]), request.mixed_cuts) if request.mixed_cuts else None
    return draw_tokens(logits[None], rules, at, None, number, *how, exploring)


def joined_at(records, position: int) -> Joined:
    """What was recorded at one position of a record that begins there."""
    tables = [(np.frombuffer(table, np.float32).reshape(6, -1).copy(), ids) for table, ids in records]
    for table, _ in tables:
        table[0] -= position
    return join([(table.tobytes(), ids) for table, ids in tables], 1)


KINDS = {
    "drawn": drawn,
    "truncated": lambda index: drawn(index, TOP_P),
    "truncated, with masks": lambda index: drawn(index, TOP_P, record_masks=True),
    "exploring": lambda index: drawn(index, mixed_cuts=CUTS),
    "divided": lambda index: BatchRequest(RULES[index % 2]),
    "ordinary": lambda _: None,
    "without a slot": lambda _: None,
}


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=12), st.integers(0, 1000), st.randoms())
def test_each_row_gets_what_its_request_asks_for_whatever_stands_beside_it(kinds, seed, random):
    logits = 3 * torch.randn(len(kinds), VOCABULARY, generator=torch.Generator().manual_seed(seed))
    requests = [KINDS[kind](index) for index, kind in enumerate(kinds)]
    positions = [(7 * index) % LIMIT for index in range(len(kinds))]
    slots = random.sample(range(20), len(kinds))
    batch = tempered_batch()
    for index, kind in enumerate(kinds):
        batch.put(slots[index], drawn(99))  # whom the slot stood for before
        if kind == "without a slot":
            slots[index] = -1
        else:
            batch.put(slots[index], requests[index])
    after = step(batch, logits, slots, positions)
    found = batch.take_records()
    assert found.keys() == {request.record for request in requests if request is not None and request.record}
    for row, request in enumerate(requests):
        if request is None:
            assert after[row].equal(logits[row])
            continue
        if request.record is None:
            entropies = token_entropies(logits[row : row + 1])
            temperature = RowTemperatures([request.rule]).at(entropies, torch.tensor([positions[row]]))
            torch.testing.assert_close(after[row], logits[row] / temperature)
            continue
        expected = alone(request, logits[row], positions[row])
        assert after[row].argmax() == expected.tokens
        assert after[row].softmax(-1)[expected.tokens] == 1
        one = joined_at(found[request.record], positions[row])
        assert one.tokens == expected.tokens.tolist()
        recorded = [*one.logprobs, *one.temperatures, *one.entropies]
        np.testing.assert_allclose(recorded, [value.item() for value in expected[1:4]], atol=1e-6)
        sizes, ids = expected.masks.lists() if expected.masks else ([0], [[]])
        assert (one.mask_sizes, one.mask_ids) == (sizes, ids[0])


def test_rows_may_move_between_steps_and_slots_may_be_used_again():
    batch, requests = tempered_batch(), [drawn(index) for index in range(3)]
    logits = torch.randn(4, 3, VOCABULARY, generator=torch.Generator().manual_seed(1))
    slots = {0: 5, 1: 2, 2: 5}
    for at, order in enumerate([[0, 1], [1, 0], [2, 1], [1]]):
        for index in order:
            if at == 0 or index == 2:
                batch.put(slots[index], requests[index])
        step(batch, logits[at, : len(order)], [slots[index] for index in order], [at] * len(order))
    found = batch.take_records()
    assert {name: positions_of(records) for name, records in found.items()} == {
        "record 0": [0, 1],
        "record 1": [0, 1, 2, 3],
        "record 2": [2],
    }
    expected = alone(requests[1], logits[1, 0], 1)
    assert join(found["record 1"], 4).tokens[1] == expected.tokens
    assert batch.take_records() == {}


def positions_of(records) -> list[int]:
    return [int(at) for table, _ in records for at in np.frombuffer(table, np.float32).reshape(6, -1)[0]]


def test_records_go_on_under_their_names_after_they_were_taken():
    batch = tempered_batch()
    logits = torch.randn(3, 1, VOCABULARY)
    batch.put(0, drawn(0))
    step(batch, logits[0], [0], [0])
    first = batch.take_records()
    step(batch, logits[1], [0], [1])
    batch.put(0, drawn(1))
    step(batch, logits[2], [0], [0])
    second = batch.take_records()
    assert [positions_of(first["record 0"]), positions_of(second["record 0"])] == [[0], [1]]
    assert positions_of(second["record 1"]) == [0]
    assert len(join(first["record 0"] + second["record 0"], 2).tokens) == 2


@settings(deadline=None)
@given(
    st.integers(1, 6),
    st.lists(st.integers(-12, -1), max_size=6),
    st.lists(st.integers(0, 5), max_size=6),
    st.integers(0, 9),
    st.booleans(),
)
def test_what_is_sampled_and_thrown_away_leaves_nothing_in_the_response(length, unread, again, beyond, with_masks):
    """vLLM's V2 runner samples after each chunk of a prompt, at positions below 0; a preempted request comes back at
    one that it had; steps that overlap go on beyond the end. Other logits stand at all of these but the last time.
    """
    generator = torch.Generator().manual_seed(length)
    logits = torch.randn(length, VOCABULARY, generator=generator)
    request = drawn(0, TOP_P, record_masks=True) if with_masks else drawn(0)

    def response(positions: list[int]) -> Joined:
        batch = tempered_batch()
        batch.put(0, request)
        for index, position in enumerate(positions):
            own = 0 <= position < length and position not in positions[index + 1 :]
            of_step = logits[position] if own else torch.randn(VOCABULARY, generator=generator)
            step(batch, of_step[None], [0], [position])
        return join(batch.take_records()["record 0"], length)

    plain = response(list(range(length)))
    repeated = [position for position in again if position < length]
    assert response([*sorted(unread), *repeated, *range(length + beyond)]) == plain
    expected = [alone(request, logits[position], position) for position in range(length)]
    assert plain.tokens == [one.tokens.item() for one in expected]
    if with_masks:
        masks = Masks.cat([one.masks for one in expected])
        assert (plain.mask_sizes, plain.mask_ids) == (masks.sizes.tolist(), masks.ids.tolist())


def test_a_prompt_that_was_read_in_part_has_no_record():
    batch = tempered_batch()
    batch.put(0, drawn(0))
    step(batch, torch.randn(1, VOCABULARY), [0], [-17])
    assert batch.take_records() == {}
