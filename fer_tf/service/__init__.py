"""The HTTP service of `python -m fer_tf.serve`: pictures in, faces and their expressions out."""
