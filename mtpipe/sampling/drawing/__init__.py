"""From a request and logits to a token: what all engines share, so that they differ by the rounding of logits alone.

In the order of use: `requests` is what an engine is asked for, `randomness` the random number of each token,
`draw` the token and what is recorded with it, `blocks` the same at the vocabulary of a real model, with what `by_row`
sums along rows, and `kernels` on a GPU. `cuts` is what truncation keeps, `nucleus` where top-p cuts, `evenly` the
draw of responses that explore, `line_ends` what rules about lines need.

Must not import: transformers, vllm, mtpipe.model: no engine, and no model.
"""
