"""Tasks that are generated from a seed.

Each is a class with generate_problems, demonstrations and judge. Read `arithmetic` first, the default; `countdown` is
harder. `steps` is what the answers of both consist of, `drawing` what the classes share: their settings, and how
problems are drawn apart.

Must not import: torch, mtpipe.tasks.judging, mtpipe.verify.pool: these tasks are judged at once, without a sandbox.
"""
