"""The page that shows a round's rollouts token by token, coloured by entropy, temperature or log-prob.

`viewer` writes it, from a template, a style and a script that lie beside it; `evaluation` writes the same page for the
responses to the benchmarks, which have no numbers by token; `pages` are those that the report links to.

Must not import: torch, mlflow, mtpipe.learn, mtpipe.sampling.
"""
