"""The table of embedded tasks. Each is a module with VOCABULARY, generate_problems, demonstrations and judge."""

from mtpipe.tasks.synthetic import arithmetic, countdown

TASKS = {"arithmetic": arithmetic, "countdown": countdown}
