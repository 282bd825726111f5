"""Policy-gradient losses as pure functions over a flat list of response tokens.

A loss by name (`update.loss`) is a surrogate for each token and a weight for each token: `named` has the first, of
`surrogates`, `aggregation` the second, and the step's loss is the sum of weight * surrogate over its tokens.
`importance` corrects for tokens that were sampled at another temperature than they are scored at, `mismatch` for those
that the engine gives another log-prob than the update does; `high_entropy` and `covariance` tell tokens apart,
`entropy_bonus` adapts a coefficient. `step_metrics` sums what is logged of the tokens.

Must not import: mtpipe.learn.batching, mtpipe.learn.scoring, mtpipe.model: no response, no batch and no weights.
"""
