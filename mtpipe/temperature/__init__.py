"""The temperature of every token: what an arm asks for, resolved step by step until it is a number on a tensor.

    T[i, t] = token_rule(base = schedule(round) + spread[i], H[i, t], t)

Its seven carriers, in order:

1. `mtpipe.temperature.arm.Arm`: an entry of the section `temperature` of params.yaml.
2. `mtpipe.temperature.round_plan.RoundPlan`: one round of it, resolved as far as it can be before anything is sampled;
   a file in data/plan.
3. `mtpipe.temperature.round_plan.RoundTemperatures`: the plan with the state that the round's policy carries, by which
   quantiles become nats.
4. `mtpipe.temperature.round_plan.ResponsePlan`: one response, its base temperature and its tokens' rule.
5. `mtpipe.sampling.drawing.requests.Request`: the same with a prompt, as an engine is asked for it.
6. `mtpipe.temperature.apply.RowTemperatures`: the rules of the responses that are sampled together, as tensors.
7. `mtpipe.records.Rollout`: the temperature that each token was drawn at, from engine to loss.

`arm` has an arm's parts: `schedule` over training (or a controller, in `controllers`), `spread` and `annealed_spread`
over a group's responses, with a `distribution` to draw from, a token rule (in `rules`), `truncation`, whose cuts
`masks` records, and `mixed_cuts`. `planning` resolves arms into plans, which are in `round_plan`; `plan_table` and
`plan_picture` show them. `entropy_table` is the state that quantiles are looked up in, `apply` the place where a token
gets its temperature.

Must not import: mtpipe.params, mtpipe.sampling, mtpipe.learn. Only `apply` and `masks` import torch: a plan needs none.
"""
