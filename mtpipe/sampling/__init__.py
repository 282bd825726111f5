"""Rollouts: the engines that sample them, and what a round asks of an engine.

Read `engine` first: what every engine is. `torch_engine` is the embedded one and the easiest to follow, with
`stop_strings` for texts that end a response; `vllm` the one for real models, `ray_engine` a pool of either. `opening`
picks one by params.yaml, and `resident` keeps it for the stages of a chain, in a process that `serving` runs. `rounds`
makes a round's requests, `refill` has further problems sampled where groups do not differ, `set_controller` sets a
controlled round's temperature. What the engines share is in `drawing`.

Must not import: mtpipe.learn, mtpipe.tasks, mtpipe.verify.
"""
