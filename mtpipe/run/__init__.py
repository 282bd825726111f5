"""How a stage starts, and what its result depends on.

Read `stage` first, which every script in stages/ calls. `stage_plan` is where a stage's settings come from,
`fingerprint` the digest of the code that it reaches, `outputs` whether what it wrote is still there, `model_check`
whether the model can be had, `doctor` what stands in a study's way, `at_work` which DVC commands do. `launch` is what
dvc.yaml calls; it forks stages from the server in `preload`, which has torch loaded. `logged` has what they print kept
in data/run.log.

Must not import: torch, mtpipe.learn, mtpipe.sampling, mtpipe.report: a stage brings its own.
"""
