"""What an update carries from step to step and from round to round.

Read `learner` first, which holds all of it. `optimizer` is AdamW whose state travels with the policy, `eight_bit` the
same in a quarter of the bytes; `checkpoint` is both as whole tensors, `resume` a checkpoint for a killed update.

Must not import: mtpipe.learn.update, mtpipe.learn.round: they drive this.
"""
