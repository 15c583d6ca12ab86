"""Incidents: what somebody has to deal with, from the report to the assessment (ISO 22320; A 5.2.1.3, D 三(五)4)."""

from layers.incident.desk import report, take
from layers.incident.report import Report, Reported

__all__ = ["Report", "Reported", "report", "take"]
