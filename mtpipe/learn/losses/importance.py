"""Importance weights for the untempered target: what corrects tokens sampled at T_t for a loss at T=1."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mtpipe.learn.losses.mismatch import sequence_mask, token_truncate

ImportanceWeights = Literal["token_truncate", "sequence_mask", "none"]


def importance_weights(
    log_weight: Float[Tensor, " tokens"], row: Int[Tensor, " tokens"], kind: ImportanceWeights, cap: float
) -> Float[Tensor, " tokens"]:
    """Weights, without gradient, that a token's loss is multiplied by.

    * `token_truncate`: min(w, cap), w = pi_1(token) / mu_T(token). Truncated importance sampling: bias for a bounded
      variance. verl and open-instruct use a cap of 2.
    * `sequence_mask`: w, product over a response's tokens, where it is at most `cap`; else 0, so that the response
      teaches nothing. TRL uses a cap of 3.
    * `none`: 1. The draw counts as a proposal, and its distance from pi_1 stays as a bias: Mixed-CUTS (arXiv
      2604.18493), whose clipped ratio is to pi_1.

    w contains the mismatch between engine and update (`mtpipe.learn.losses.mismatch`), because mu_T is what the engine
    recorded. So the weights of `update.mismatch` are not multiplied to these; only what it cuts is left out.

    Args:
        log_weight: log(pi_1 / mu_T) of the policy that the round started with.
        row: the response that a token belongs to, as an index from 0.
    """
    log_weight = log_weight.detach()
    if kind == "none":
        return torch.ones_like(log_weight)
    return token_truncate(log_weight, cap) if kind == "token_truncate" else sequence_mask(log_weight, row, cap)


def effective_share(weight_sum: float, weight_square_sum: float, tokens: int) -> float:
    """Kish's effective sample size (sum w)^2 / sum w^2 as a share of the tokens; 1 if all weights are equal."""
    return weight_sum**2 / (tokens * weight_square_sum) if weight_square_sum else 0.0


def behaviour_kl(
    logprobs_untempered: Float[Tensor, " tokens"], sampled_logprobs: Float[Tensor, " tokens"]
) -> Float[Tensor, " tokens"]:
    """w - 1 - log w with w = pi_1 / mu_T: estimates KL(mu_T || pi_1), policy scored at T=1.

    The tokens were drawn from mu_T, the behaviour policy at each token's own T_t, so the k3 estimator is unbiased for
    this direction without a correction, and never negative. It contains the distance that temperature itself puts
    between the two; where T_t = 1 it is the policy's drift since sampling and nothing else. Its tail is heavy where
    T_t < 1, because tokens that mu_T never draws carry the largest w. Under truncation it lacks the share of pi_1 that
    was cut, for which no w is ever drawn.
    """
    log_weight = (logprobs_untempered - sampled_logprobs).detach()
    return log_weight.exp() - 1 - log_weight
