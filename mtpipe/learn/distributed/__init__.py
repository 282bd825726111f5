"""One update, shared by several processes.

Read `ranks` first: `Ranks` is what the update asks of the processes, and one process is the case of one rank. `shards`
has the tensors that each holds a part of, `processes` starts and joins them by torchrun's launcher.

Must not import: mtpipe.learn.state, mtpipe.sampling.
"""
