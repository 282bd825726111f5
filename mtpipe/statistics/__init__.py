"""Intervals and tests: arrays in, numbers out.

`bootstrap` has intervals over problems and seeds, `paired_tests` the tests of a difference and their correction,
`pass_at_k` the estimator for every k.

Must not import: torch, mtpipe.records, mtpipe.evaluate: no file and no column is known here.
"""
