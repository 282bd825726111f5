"""From a round's judged rollouts to the micro-batches of its optimizer steps.

In the order of the work: `groups` joins rollouts with verdicts, `advantages` compares the responses of a group,
`token_masks` says which tokens a loss treats apart, `steps` puts all that on each response, and `micro_batches` deals
the responses out by length.

Must not import: mtpipe.model, mtpipe.learn.scoring: no weights are needed here.
"""
