"""Which position a token's logits come from."""

import torch

from mtpipe.learn.scoring.sequences import pad, token_logits
from mtpipe.model.output_head import OutputHead


def test_a_tokens_logits_are_those_of_the_position_before_it_in_its_own_sequence(policy):
    prompts, responses = [[3, 4, 5], [6]], [[7, 8], [9, 10, 11]]
    sequences = pad(prompts, responses)
    assert sequences.targets.tolist() == [7, 8, 9, 10, 11]
    with torch.no_grad():
        found = token_logits(OutputHead.of(policy.model, torch.tensor([[3, 4, 5, 6]])), sequences)
        alone = [policy.model(torch.tensor([p + r])).logits[0] for p, r in zip(prompts, responses, strict=True)]
    torch.testing.assert_close(found, torch.cat([alone[0][2:4], alone[1][0:3]]), atol=1e-5, rtol=1e-5)
