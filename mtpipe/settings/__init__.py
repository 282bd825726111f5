"""Every section of params.yaml: a class each, a field and a sentence for every setting.

Read `base` first: what a section is, and how its faults read. Then by section: `rounds`, `task` (with `templates`),
`model`, `sampling`, `reward`, `update` (with `losses` and `mismatch`), `evaluate`, `outputs`; the section `temperature`
is in `mtpipe.temperature`. `plugins` lets a user's own classes in. `flow` and `writing` put settings back into a file
whose comments stay.

Must not import: torch, numpy, pyarrow, mtpipe.temperature, mtpipe.params: reading settings waits for no library.
"""
