"""Figures, tables and pages from predictions and from data sets."""

from fer_tf.report.folder import write_report
from fer_tf.report.metrics import Metrics, evaluate

__all__ = ["Metrics", "evaluate", "write_report"]
