"""Readers of data sets, each of its own layout."""
