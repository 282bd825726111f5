"""The adapter for vLLM's V2 model runner, which needs a GPU, through its own dataclasses made by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from vllm_process import needs_vllm

from mtpipe.sampling.drawing.draw import draw_tokens, token_entropies
from mtpipe.sampling.drawing.randomness import token_uniforms
from mtpipe.sampling.vllm.records import join
from mtpipe.temperature.apply import RowTemperatures
from mtpipe.temperature.rules.entropy_threshold import ResolvedEntropyThreshold
from mtpipe.temperature.truncation import NONE

pytestmark = needs_vllm

VOCABULARY = 30
PROMPT_LENGTHS = [4, 9, 2, 6]
BY_ENTROPY = {"kind": "entropy_threshold", "low": 0.7, "high": 1.5, "threshold": 2.2}
CONFIG = SimpleNamespace(model_config=SimpleNamespace(max_model_len=64))


@pytest.fixture
def processor():
    from vllm.v1.worker.gpu.sample.logits_processor import LogitsProcRequestState

    from mtpipe.sampling.vllm.plugin import TokenTemperature

    lengths = SimpleNamespace(np=np.array(PROMPT_LENGTHS, dtype=np.int32))
    states = LogitsProcRequestState(torch.device("cpu"), 4, VOCABULARY, None, lengths, lengths, None)
    return TokenTemperature(CONFIG, states)


def sampling(temperature=None, record: str | None = None):
    from vllm import SamplingParams

    extra_args = {} if temperature is None else {"token_temperature": temperature}
    if record:
        extra_args["token_draw"] = {
            "seed": 3,
            "purpose": "round 0",
            "problem_id": record,
            "sample": 0,
            "record": record,
        }
    return SamplingParams(temperature=0.0 if record else 1.0, max_tokens=20, extra_args=extra_args)


def context(slots: list[int], sequence_lengths: list[int]):
    from vllm.v1.worker.gpu.sample.logits_processor import LogitsContext

    mapping = torch.tensor(slots)
    rows = torch.zeros_like(mapping)
    positions = torch.tensor(sequence_lengths) - 1
    return LogitsContext(mapping, mapping, np.array(slots), rows, rows, positions, np.array(sequence_lengths))


@pytest.mark.slow
def test_vllm_takes_the_plugin_for_both_runners():
    from vllm.v1.sample.logits_processor import LogitsProcessor as V1
    from vllm.v1.worker.gpu.sample.logits_processor import LogitsProcessor as V2

    from mtpipe.sampling.vllm.plugin import TokenTemperature

    assert issubclass(TokenTemperature, V1)
    assert issubclass(TokenTemperature, V2)
    assert isinstance(TokenTemperature(CONFIG, torch.device("cpu"), False), V1)


def test_slots_are_found_in_any_order_and_their_last_occupant_is_forgotten(processor):
    assert processor.add_request(0, sampling(BY_ENTROPY, "a"))
    assert processor.add_request(1, sampling(BY_ENTROPY, "b"))
    assert processor.add_request(2, sampling(BY_ENTROPY))
    assert not processor.add_request(3, sampling())
    rule = RowTemperatures([ResolvedEntropyThreshold.model_validate(BY_ENTROPY)])
    generator = torch.Generator().manual_seed(0)

    def step(slots: list[int], outputs: list[int]) -> dict[str, np.ndarray]:
        """One step in which each slot's response has so many tokens; checks every row, gives the records."""
        logits = 2 * torch.randn(len(slots), VOCABULARY, generator=generator)
        lengths = [PROMPT_LENGTHS[slot] + count for slot, count in zip(slots, outputs, strict=True)]
        after = processor.apply(logits.clone(), context(slots, lengths))
        tables = processor.batch.take_records()
        found = {name: np.frombuffer(of_name[0][0], np.float32).reshape(6, -1) for name, of_name in tables.items()}
        for row, (slot, count) in enumerate(zip(slots, outputs, strict=True)):
            if slot == 3:
                assert after[row].equal(logits[row])
            elif occupants[slot] is None:
                tempered = logits[row] / rule.at(token_entropies(logits[row : row + 1]), torch.tensor([count]))
                torch.testing.assert_close(after[row], tempered)
            else:
                number = torch.tensor([token_uniforms(3, "round 0", occupants[slot], 0, 20)[count]])
                expected = draw_tokens(logits[row : row + 1], rule, torch.tensor([count]), None, number, NONE)
                assert after[row].argmax() == expected[0]
                np.testing.assert_allclose(
                    found[occupants[slot]][:5, 0], [count, *(value.item() for value in expected[:4])], atol=1e-6
                )
        return found

    occupants = {0: "a", 1: "b", 2: None}
    step([0, 1, 2, 3], [0, 0, 0, 0])
    step([3, 1, 0, 2], [1, 1, 1, 1])
    processor.add_request(0, sampling(BY_ENTROPY, "c"))
    occupants[0] = "c"
    assert step([2, 0], [2, 0]).keys() == {"c"}
    processor.add_request(1, sampling())
    assert not processor.add_request(1, sampling())
    after = processor.apply(logits := torch.randn(1, VOCABULARY), context([1], [12]))
    assert after.equal(logits)


def test_a_preempted_request_goes_on_at_its_position(processor):
    """It comes back into another slot, and its prefill then includes what it had drawn."""
    processor.add_request(2, sampling(BY_ENTROPY, "a"))
    processor.apply(torch.randn(1, VOCABULARY), context([2], [PROMPT_LENGTHS[2] + 5]))
    processor.add_request(3, sampling(BY_ENTROPY, "a"))
    processor.apply(torch.randn(1, VOCABULARY), context([3], [PROMPT_LENGTHS[3] + 6]))
    records = processor.batch.take_records()["a"]
    positions = [np.frombuffer(table, np.float32).reshape(6, -1)[0].tolist() for table, _ in records]
    assert positions == [[5], [6]]


def test_a_prompt_that_is_read_in_chunks_is_sampled_from_after_each_and_gives_the_response_of_one_read_at_once(
    processor,
):
    """V2 samples for a partly read prompt too, and throws the token away: its positions are below 0."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(3, 1, VOCABULARY, generator=generator)
    whole, in_chunks = sampling(BY_ENTROPY, "a"), sampling(BY_ENTROPY, "a")

    def response(request, slot: int, first_lengths: list[int]):
        processor.add_request(slot, request)
        for length in first_lengths:
            processor.apply(torch.randn(1, VOCABULARY), context([slot], [length]))
        for index, of_step in enumerate(logits):
            processor.apply(of_step.clone(), context([slot], [PROMPT_LENGTHS[slot] + index]))
        return join(processor.batch.take_records()["a"], len(logits))

    assert response(in_chunks, 1, [1, 4, 8]) == response(whole, 1, [])


def test_speculative_decoding_is_refused(processor):
    processor.add_request(0, sampling(BY_ENTROPY))
    with pytest.raises(RuntimeError, match="speculative decoding"):
        processor.apply(torch.randn(3, VOCABULARY), context([0], [6]))
