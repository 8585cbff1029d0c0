"""A trained network: found by its path, opened when asked; and the one that ships."""
