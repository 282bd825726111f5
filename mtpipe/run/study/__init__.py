"""A study as a whole: its chains side by side, each an arm with a seed, and what they have in common.

DVC runs one stage at a time and writes the lock of all stages after each, so a study of hundreds of stages spends
more on that than on its work, and uses one device. Here the same stages of the same dvc.yaml run in the same folder,
by DVC's own functions, but in parts: the shared stages, each chain, and the stages that close the study. A part keeps
its lock entries in a small file of its own; they are merged into dvc.lock as `dvc repro` would have written it.

Read in this order: `parts` (which stages belong together), `project` (all that is asked of DVC), `launched` (a
stage's command without a process of its own), `claims` (which paths are in use), `lock` (dvc.lock, and a part's own),
`storage` (frees old policies), `part` (runs one part), `part_log` (what its log says), `slots` (where there is room
for one), `pool` (runs many), `fork_server` (starts them here), `ray_pool` (on several machines), `watch` and `table`
(what a person sees of it), `study` (the whole), `settled` (whether there is anything to look at), `dry_run` (what it
would do), `pruning` (frees old policies at once).
Only `project`, `claims` and `launched` import dvc.

Must not import: torch, mtpipe.learn, mtpipe.sampling, mtpipe.report: the stages that it starts bring them.
"""
