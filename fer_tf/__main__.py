"""`python -m fer_tf VERB ...`, the same as `fer-tf VERB ...`."""

from fer_tf.cli import main

main()
