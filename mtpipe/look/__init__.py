"""The page that shows a round's rollouts token by token, coloured by entropy, temperature or log-prob.

`viewer` writes it, from a template, a style and a script that lie beside it.

Must not import: torch, mlflow, mtpipe.learn, mtpipe.sampling.
"""
