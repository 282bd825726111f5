"""From text to typed value to verdict: whether a free-form mathematical answer equals the gold.

Read `answers` first, which judges many, then the way of one answer: `extraction` finds it in a response, `guard`
refuses what is too long or hidden, the package `reader` makes a typed value of it (`values`), and `compare` says
whether that equals the gold's: by exact arithmetic if that decides, otherwise by `numeric` evaluation of its
`operations`. Answers are hostile, so the latter happens in `worker` processes, inside a `sandbox`, which `pool` starts
and kills. A `judgement` is what comes out. `grading` judges a file without a pipeline.
`limited` runs a program within limits, for the judge of a code task; no task here does.

Must not import: torch, mtpipe.tasks: no task is known here. Only `numeric` and `operations` and `worker` import mpmath.
"""
