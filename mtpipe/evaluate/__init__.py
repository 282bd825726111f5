"""A policy's judged responses to the held-out benchmarks.

Read `responses` first, which samples, judges and writes them; `judged` reads them back as arrays, for the report.

Must not import: mtpipe.learn, mtpipe.report.
"""
