"""The page of `python -m fer_tf.demo`: what it shows, what it remembers, and its server."""
