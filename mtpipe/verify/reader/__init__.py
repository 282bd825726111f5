"""From LaTeX or plain text to a typed value, without evaluating anything but bounded exact arithmetic.

Read `read` first: what an answer can be, given the gold. Then the way of a text: `characters` and `tokens` divide it,
`groups` makes a tree of its brackets, `structure` finds lists, relations, sets and tuples in it, with `matrices` and
`phrases` for what has rows or words; `scalars` reads single values, with `units` and `numerals`; `formulas` reads sums
and products, `atoms` what they are made of, with a `cursor` and the `names` that there are.

Must not import: mpmath, mtpipe.verify.compare.
"""
