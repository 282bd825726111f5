"""What is reported of a round, computed from the files that it left.

Read `round_metrics` first, which has all of a round; `temperature_shares` is its part on how responses fared by their
temperature, `reward_parts` that on what their rewards are made of, `refill_metrics` that on the groups which dynamic
sampling drew, `group_outcomes` that on whole groups, and `token_strip` one response to look at. `roles` is a
measurement of its own: how well an entropy threshold finds the tokens that choose.

Must not import: torch, mtpipe.learn, mtpipe.sampling: a new number in the report trains nothing again.
"""
