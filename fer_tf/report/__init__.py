"""Figures, tables and pages from predictions and from data sets."""
