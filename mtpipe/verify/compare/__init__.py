"""Whether an answer's value equals the gold's: one rule for each kind.

Read `equal` first, which picks the rule; the rules are in `scalars`, `members`, `sets`, `relations` and `words`.
`rules` says what users settle differently, `algebra` what comparisons ask about formulas.

Must not import: mpmath, mtpipe.verify.numeric: a judging process hands that in.
"""
