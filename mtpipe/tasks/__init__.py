"""What there is to solve, and what a solution is worth.

Read `judging` first: from responses to verdicts, by the problem's task; `rewards` turns a verdict into a number, and
`verdicts` is both.
`prepare` makes the problems of the task that params.yaml names, in the form of `prepared`, and `vocabulary` what a new
model reads and writes. The tasks are in `synthetic`, and `math`, which takes its problems from data sets: `sources`
reads them, `catalogue` knows their columns, `golds` finds their answers, `chat` asks a checkpoint's own template for
prompts, `decontamination` drops training problems that stand in a benchmark, `row_tally` counts what was left out.

Must not import: torch, mtpipe.sampling, mtpipe.learn.
"""
