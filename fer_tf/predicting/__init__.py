"""What `predict` and `explain` do with their flags: open, answer pictures, answer a video."""
