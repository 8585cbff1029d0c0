"""Figures, tables and pages from predictions and from data sets."""

from fer_tf.report.metrics import Metrics, evaluate
from fer_tf.report.writing import write_report

__all__ = ["Metrics", "evaluate", "write_report"]
