"""What an answer can be, as plain data.

Read `kinds` first: numbers, quantities, sets, relations, words. A `formula` is a tree; `exact` evaluates it if it is a
rational or complex number with rational parts. `messages` writes values as JSON and reads them.

Must not import: mpmath, mtpipe.verify.reader, mtpipe.verify.compare.
"""
