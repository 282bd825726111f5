"""The page that compares the arms, and the same numbers for other programs.

Read `collect` first, which reads what the stages wrote, then `comparison`: every score, and with `differences` every
difference and its test; `claims` puts them into sentences. The page is `page`, from a template beside it and `html`.
Its parts, from top to bottom: `strip`, `glance`, `forest`, `tables`, `trade_offs`, `equal_tokens`, `story_pictures`,
`curves`, `health_pictures`, `temperature_pictures`, `profile_pictures`, `mismatch`, `entropy_pictures`,
`problem_tables`, `details`, `refill`, `provenance`. `cells` is how their tables are written, `svg` how their pictures
are, and `benchmark_names` what they call the benchmarks. `series` and `exported` are the numbers as CSV and as JSON.
`versions` compares two commits or experiments, in print and on `versions_page`; `lock_entries` tells which entries of a
dvc.lock are of one run; `kept_scores` keeps a study's right answers in a small file, and `contrasts` compares arms in
pairs named beforehand.

Must not import: torch, mlflow, mtpipe.learn, mtpipe.sampling.
"""
