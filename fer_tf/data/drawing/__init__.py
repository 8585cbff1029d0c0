"""Faces drawn from action units, the parts of `fer_tf.data.synthetic`."""
