"""What there is to solve, and what a solution is worth.

Read `task` first: what a task is, and the table of those there are. `prepare` makes the problems of the one that
params.yaml names, in the form of `prepared`; `judging` goes from responses to verdicts, by the problem's task, and
`rewards` turns the verdicts of a group into numbers; `verdicts` is both. `vocabulary` is what a new model reads and
writes. The tasks are in `mtpipe.tasks.synthetic`, in `mtpipe.tasks.gym`, and `math`, which takes its problems from data
sets: `sources` reads them, `catalogue` knows their columns, `candidates` are the rows that will do, `golds` finds their
answers, `chat` asks a checkpoint's own template for prompts, `decontamination` drops training problems that stand in a
benchmark, `row_tally` counts what was left out.

Must not import: torch, mtpipe.sampling, mtpipe.learn, mtpipe.params.
"""
