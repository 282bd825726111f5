"""Models whose log-probs would not be right are refused when they are loaded: by what they do, not by their names."""

from types import SimpleNamespace

import pytest
import torch
import transformers

from benchmarks.model_trial import ONE_LENGTH, REFUSED, WORKS, try_model
from benchmarks.models import TABLE, outcomes, page
from benchmarks.small_models import small_model
from mtpipe.errors import MtpipeError
from mtpipe.model.output_head import OutputHead
from mtpipe.model.probe import check_scoring, output_head, probe_tokens, reads_padding

pytestmark = pytest.mark.slow

SLOWER = ["qwen3_moe", "gpt_neox", "jamba"]
"""Models whose code takes a second to load and run."""


@pytest.mark.parametrize(
    "model_type",
    ["llama", "gpt2", "gemma2", "cohere", "lfm2", *(pytest.param(one, marks=pytest.mark.slow) for one in SLOWER)],
)
def test_a_model_goes_through_a_round(model_type, tmp_path, params):
    assert try_model(model_type, tmp_path / model_type, params.update).what == WORKS


def test_a_model_that_cannot_skip_padding_gets_prompts_of_one_length_at_a_time(tmp_path, params):
    assert try_model("mamba", tmp_path / "mamba", params.update).what == ONE_LENGTH


@pytest.mark.parametrize("model_type", ["bert", "rwkv"])
def test_a_model_that_cannot_be_trained_or_sampled_is_refused_when_it_is_loaded(model_type, tmp_path, params):
    assert try_model(model_type, tmp_path / model_type, params.update).what == REFUSED


def changed(forward, model_type="llama"):
    """A small model whose forward pass is another's: `forward(its own, ids, arguments)`."""
    model = small_model(model_type)
    own = model.forward

    def replaced(input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, **arguments):
        given = {"attention_mask": attention_mask, "position_ids": position_ids, "past_key_values": past_key_values}
        return forward(own, input_ids, given | arguments)

    model.forward = replaced
    return model


def with_logits(output, change):
    output.logits = change(output.logits)
    return output


def without(name):
    return lambda own, ids, given: own(input_ids=ids, **given | {name: None})


def test_what_is_as_it_should_be_is_taken():
    model = changed(lambda own, ids, given: own(input_ids=ids, **given))
    check_scoring(model)
    assert reads_padding(model)


@pytest.mark.parametrize(("model_type", "lost"), [("llama", "attention_mask"), ("gpt2", "position_ids")])
def test_a_model_that_reads_padding_as_text_is_noticed(model_type, lost):
    assert reads_padding(small_model(model_type))
    assert not reads_padding(changed(without(lost), model_type))


def forgetful(own, ids, given):
    """Its cache is there, and it does not look at it."""
    output = own(input_ids=ids, **given)
    if ids.shape[1] == 1:
        output.logits = own(input_ids=ids).logits
    return output


def without_cache(own, ids, given):
    output = own(input_ids=ids, **given)
    output.past_key_values = None
    return output


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (forgetful, "token by token, its logits are not those of a whole pass"),
        (without_cache, "TypeError: the model returns no cache"),
    ],
)
def test_a_model_that_cannot_go_on_from_its_cache_is_refused_with_the_reason(forward, reason):
    with pytest.raises(
        MtpipeError, match=rf"LlamaForCausalLM cannot be sampled here: .*{reason}.*sampling\.engine to vllm"
    ):
        reads_padding(changed(forward))


@pytest.mark.parametrize("scale", [1.0, 0.0625, 3.0])
@pytest.mark.parametrize("softcap", [None, 5.0, 30.0])
def test_a_scale_and_a_soft_cap_are_found_in_what_the_model_does(scale, softcap):
    def change(logits):
        return logits * scale if softcap is None else softcap * torch.tanh(logits * scale / softcap)

    model = changed(lambda own, ids, given: with_logits(own(input_ids=ids, **given), change))
    head = output_head(model)
    assert head.scale == pytest.approx(scale, rel=1e-5)
    assert head.softcap == (None if softcap is None else pytest.approx(softcap, rel=1e-6))
    ids = torch.tensor([probe_tokens(model, 5)])
    with torch.no_grad():
        torch.testing.assert_close(head.logits(head.body(input_ids=ids).last_hidden_state), model(input_ids=ids).logits)
    check_scoring(model)


@pytest.mark.parametrize(
    "change",
    [
        lambda logits: logits + 0.01 * logits.square(),
        lambda logits: logits.masked_fill(torch.arange(logits.shape[-1]) == 7, -1e9),
        lambda logits: logits.clamp(max=20.0),
    ],
)
def test_logits_of_any_other_kind_are_refused(change):
    model = changed(lambda own, ids, given: with_logits(own(input_ids=ids, **given), change))
    with pytest.raises(
        MtpipeError, match=r"LlamaForCausalLM makes its logits of hidden states neither by a linear head"
    ):
        check_scoring(model)


def test_a_model_that_looks_ahead_is_refused():
    with pytest.raises(MtpipeError, match=r"XLNet.* a sequence's logits depend on what stands behind them, by 0\.\d"):
        check_scoring(small_model("xlnet"))


def test_a_model_whose_head_is_no_linear_layer_is_refused():
    model = SimpleNamespace(get_output_embeddings=lambda: None)
    with pytest.raises(MtpipeError, match="has the output head NoneType"):
        OutputHead.of(model, torch.tensor([[1]]))


def test_a_trial_uses_no_token_that_means_something_to_the_model():
    model = small_model("llama")
    tokens = probe_tokens(model, 20)
    assert len(set(tokens)) == 20
    model.config.image_token_id, model.config.eos_token_id = tokens[0], tokens[1:3]
    assert not set(tokens[:3]) & set(probe_tokens(model, 20))
    model.config.vocab_size = 4
    assert len(probe_tokens(model, 20)) == 20, "of a few tokens some come again"


def test_the_table_of_models_names_the_installed_transformers():
    assert f"transformers {transformers.__version__} " in TABLE.read_text(), "run `python -m benchmarks models`"


@pytest.mark.exhaustive
def test_the_table_of_models_says_what_happens():
    assert TABLE.read_text() == page(outcomes()) + "\n"
