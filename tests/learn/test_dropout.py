"""Models with dropout: what is scored while they train is what was sampled."""

from dataclasses import replace

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from updating import sampled_groups, update, weights

from mtpipe.errors import MtpipeError
from mtpipe.learn.scoring.recomputed_layers import recompute_layers


def dropping_policy(policy, dropout: float = 0.3):
    torch.manual_seed(0)
    rates = {"embd_pdrop": dropout, "attn_pdrop": dropout, "resid_pdrop": dropout}
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}
    config = GPT2Config(vocab_size=policy.size, **sizes, **rates, initializer_range=0.3)
    return replace(policy, model=GPT2LMHeadModel(config).eval())


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"gradient_checkpointing": True}, {"target": "untempered"}])
def test_a_model_with_dropout_learns_from_what_it_sampled_as_one_without(policy, settings, changes):
    found = []
    for dropout in (0.3, 0.0):
        dropping = dropping_policy(policy, dropout)
        exact = settings.model_copy(update={"logprob_tolerance": 1e-4, **changes})
        steps = update(dropping, sampled_groups(dropping), exact)
        assert steps[0]["ratio_max"] == pytest.approx(1.0, abs=1e-4)
        found.append(weights(dropping))
    torch.testing.assert_close(*found, atol=1e-6, rtol=0)


def test_a_layer_keeps_its_inputs_alone_and_gives_the_same_gradients():
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=11, **sizes)).eval()
    ids = torch.randint(11, (2, 40), generator=torch.Generator().manual_seed(1))

    def kept_and_gradients() -> tuple[int, list[torch.Tensor]]:
        sizes: list[int] = []
        model.zero_grad()
        with torch.autograd.graph.saved_tensors_hooks(lambda saved: sizes.append(saved.numel()) or saved, lambda s: s):
            loss = model(input_ids=ids, use_cache=False).logits.logsumexp(-1).sum()
        loss.backward()
        return sum(sizes), [parameter.grad.clone() for parameter in model.parameters()]

    whole, expected = kept_and_gradients()
    recompute_layers(model)
    kept, found = kept_and_gradients()
    assert kept < 0.4 * whole
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_a_model_without_such_layers_is_refused():
    with pytest.raises(MtpipeError, match=r"gradient_checkpointing is true, but Linear has no layers .*; set it to"):
        recompute_layers(torch.nn.Linear(2, 2))
