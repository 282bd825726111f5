"""The first lines of classes of one's own: `python -m mtpipe new KIND NAME` writes them into plugins/.

Read `write` first: what is written, and what is said about it. KIND.py.in is a class of that kind, test_KIND.py.in its
test; `$Name` stands for the class, `$module` for its file.

Must not import: anything of mtpipe but errors and files.
"""
