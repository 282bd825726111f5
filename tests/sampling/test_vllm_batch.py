"""The rule and the draw on a batch of rows, without vLLM: rows of every kind side by side, in any order."""

from types import SimpleNamespace

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtpipe.sampling.drawing.draw import draw_tokens, token_entropies
from mtpipe.sampling.drawing.randomness import token_uniforms
from mtpipe.sampling.vllm.batch import BatchRequest, TemperedBatch
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.rules.uniform import ResolvedUniform
from mtpipe.temperature.truncation import NONE, Truncation

VOCABULARY = 30
CONFIG = SimpleNamespace(model_config=None)
RULES = [ResolvedEntropyThreshold(low=0.7, high=1.6, threshold=2.0), ResolvedUniform(temperature=1.3)]


def drawn(index: int, truncation: Truncation = NONE) -> BatchRequest:
    return BatchRequest(RULES[index % 2], truncation, token_uniforms(0, "test", "p", index, 50), f"record {index}")


def divided(index: int) -> BatchRequest:
    return BatchRequest(RULES[index % 2], NONE, None, None)


def records(batch: TemperedBatch) -> dict[str, np.ndarray]:
    return {name: np.frombuffer(table, np.float32).reshape(5, -1) for name, table in batch.take_records().items()}


KINDS = {
    "drawn": drawn,
    "truncated": lambda index: drawn(index, Truncation(top_p=0.7)),
    "divided": divided,
    "ordinary": lambda _: None,
}


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=12), st.integers(0, 1000))
def test_each_row_gets_what_its_request_asks_for_whatever_stands_beside_it(kinds, seed):
    logits = 3 * torch.randn(len(kinds), VOCABULARY, generator=torch.Generator().manual_seed(seed))
    requests = [KINDS[kind](index) for index, kind in enumerate(kinds)]
    positions = [(7 * index) % 50 for index in range(len(kinds))]
    batch = TemperedBatch(torch.device("cpu"), CONFIG)
    after = batch.apply(logits.clone(), requests, positions, torch.zeros(len(kinds), dtype=torch.long))
    found = records(batch)
    for row, (kind, request) in enumerate(zip(kinds, requests, strict=True)):
        if request is None:
            assert after[row].equal(logits[row])
            continue
        rule, position = RowTemperatures([request.rule]), torch.tensor([positions[row]])
        if kind == "divided":
            expected = logits[row] / rule.at(token_entropies(logits[row : row + 1]), position)
            torch.testing.assert_close(after[row], expected)
            assert f"record {row}" not in found
            continue
        number = torch.tensor([request.uniforms[positions[row]]])
        alone = draw_tokens(logits[row : row + 1], rule, position, None, number, request.truncation)
        assert after[row].argmax() == alone[0]
        assert after[row].softmax(-1)[alone[0]] == 1
        assert found[f"record {row}"][0].tolist() == [positions[row]]
        np.testing.assert_allclose(found[f"record {row}"][1:, 0], [value.item() for value in alone[:4]], atol=1e-6)


def test_rows_may_move_between_steps_and_slots_may_be_used_again():
    batch, requests = TemperedBatch(torch.device("cpu"), CONFIG), [drawn(index) for index in range(3)]
    logits = torch.randn(4, 3, VOCABULARY, generator=torch.Generator().manual_seed(1))
    for step, order in enumerate([[0, 1], [1, 0], [2, 1], [1]]):
        batch.apply(
            logits[step, : len(order)].clone(),
            [requests[index] for index in order],
            [step] * len(order),
            torch.zeros(len(order), dtype=torch.long),
        )
    found = records(batch)
    assert {name: table[0].tolist() for name, table in found.items()} == {
        "record 0": [0, 1],
        "record 1": [0, 1, 2, 3],
        "record 2": [2],
    }
    rule, uniform = RowTemperatures([RULES[1]]), torch.tensor([requests[1].uniforms[1]])
    expected = draw_tokens(logits[1, :1], rule, torch.tensor([1]), None, uniform, NONE)
    assert found["record 1"][1, 1] == expected[0]
    assert batch.take_records() == {}


def test_rows_whose_prompt_is_not_read_to_its_end_do_no_harm():
    batch = TemperedBatch(torch.device("cpu"), CONFIG)
    batch.apply(torch.randn(1, VOCABULARY), [drawn(0)], [-17], torch.zeros(1))
    batch.apply(torch.randn(1, VOCABULARY), [drawn(0)], [50], torch.zeros(1))
    assert records(batch)["record 0"][0].tolist() == [-17, 50]
