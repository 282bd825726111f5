"""What a study takes: tokens, disk, memory and hours before it runs, and seconds after.

Read `costs` first: its formulas, over the sizes that `model_size` reads and the rates that `measured` finds;
`budget_table` prints them. `cost_table` has what the arms took on this machine, `next_edit` proposes an
ablation after it.

Must not import: mtpipe.sampling, mtpipe.report, mtpipe.tracking.
"""
