"""Policy-gradient losses as pure functions over a flat list of response tokens.

A loss by name (`update.loss`) is a surrogate for each token and a weight for each token: `surrogates` has the first,
`aggregation` the second, and the step's loss is the sum of weight * surrogate over its tokens.
"""
