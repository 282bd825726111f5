"""The one exception a user is meant to read."""


class MtpipeError(Exception):
    """Bad input: the message names the file, the key or row, the value found and the remedy.

    Stages and the command line print it without a traceback and exit with status 1.
    """
