"""Whether an engine and the update can train together: `python -m mtpipe parity`.

Read `parity` first: responses of an engine, scored by the update, and what is said of the two. `served` asks a running
`vllm serve` for the responses instead of an engine of params.yaml.

Must not import: mtpipe.report, mtpipe.tracking, vllm: the engine that params.yaml names is opened as a stage opens it.
"""
