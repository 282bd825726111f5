"""Log-probs and entropies of response tokens under a policy, with gradient.

Read `sequences` first: padding, and what a token's log-prob is, by a plain forward pass. `scorer` is the module that
the update calls; `chunked_head` computes the same without holding the logits of all tokens, with `readings` of them
and of what truncation `left_over`, on a GPU by `kernels`. `shared_prompts` reads a prompt once for all its responses.
`recomputed_layers` trades time for memory, and `mismatch_table` says how far two programs' log-probs of the same
tokens differ.

Must not import: mtpipe.learn.state, mtpipe.learn.distributed, mtpipe.sampling.
"""
