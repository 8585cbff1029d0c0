"""The one exception that bad input raises."""


class FerError(ValueError):
    """Bad input, told in one sentence: the file, row or flag, what was found and what was expected.

    Commands print the sentence and exit with code 2 (`fer_tf.cli.run`).
    """
