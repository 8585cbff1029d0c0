"""Exported networks behind one call, each run by its own runtime."""
