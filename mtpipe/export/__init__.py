"""A policy as a folder that leaves the project: what transformers, peft and `vllm serve` load, and its model card.

Read `exporting` first, which writes the folder; `model_card` is its README.md.

Must not import: mtpipe.learn, mtpipe.sampling, mlflow.
"""
