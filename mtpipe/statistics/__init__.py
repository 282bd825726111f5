"""Intervals and tests: arrays in, numbers out.

`intervals` has means over seeds and problems with intervals and p-values, `power` what a comparison could have found,
`paired_tests` the test of two policies and the correction of several tests, `pass_at_k` the estimator for every k.

Must not import: torch, mtpipe.records, mtpipe.evaluate: no file and no column is known here.
"""
