"""The task `reasoning_gym`: generated problems of the package of that name, mixed by weight.

Read `task` first: its settings, problems and judge. `refused` says which of the package's data sets are not to be had,
and why. `mixing` has a process make the problems: `maker`, by means of `datasets`, which asks the package and puts its
faults into words. A judge of the package reads a model's text, so `scoring` starts a process for it, `scorer`, with a
sandbox; `expressions` judges in place of the package where that would evaluate the text.

The package need not be installed: nothing but `datasets` and `scorer` imports it, in those two processes.

Must not import: torch, mtpipe.sampling, mtpipe.learn.
"""
