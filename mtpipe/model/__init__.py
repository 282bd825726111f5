"""A policy: a folder with weights, configuration and tokenizer.

`policy` loads it, saves it, and makes new small ones; `checkpoint_folder` says early whether a folder can be one.
`adapter_folder` is a policy of which only an adapter is stored, `adapter` what peft does of it,
`adapter_policy` how one is made and merged. `nf4` holds the `linear_layers` of its base in 4 bits.
`probe` tries a loaded model: what it has read (`context`, `growing_cache`) and how it makes logits (`output_head`).
`token_texts` reads tokens for people, from the tokenizer alone. `memory` has freed memory reused.

Must not import: mtpipe.temperature, mtpipe.sampling, mtpipe.learn.
"""
