"""From text to typed answer to verdict: whether a free-form mathematical answer equals the gold.

Read `answers` first, which judges many, then the way of one answer: `extraction` finds it in a response, `normalise`
writes it in one way, `guard` refuses what would cost too much, and `equivalence` climbs the ladder, by `numbers` and
by `symbolic`. Answers are hostile, so this happens in `worker` processes, inside a `sandbox`, which `pool` starts and
kills. A `judgement` is what comes out. `grading` judges a file without a pipeline.

Must not import: torch, mtpipe.tasks: no task is known here. Only `symbolic` and `worker` import sympy.
"""
