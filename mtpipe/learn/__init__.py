"""The policy update of a round, and the warm start that the first round begins with.

Read `update` first, from its end: `update_policy` takes a step for each batch of groups. `objective` is the loss of a
micro-batch, which it sums. `rollout_checks` refuses rollouts of another policy before the first step. `round` ties the
update to the rounds before and after it, with `after_round` for what a controller is told. `warm_start` is supervised,
and computes on all cores by `side_by_side`.

The rest by package, in the order in which a step goes through them: `batching`, `scoring`, `losses`, then `state` for
what is kept and `distributed` for several processes.

Must not import: mtpipe.sampling, mtpipe.tasks, mtpipe.verify: learning knows tokens, rewards and nothing of the task.
"""
