"""Observations: decoding what devices report. Pure."""
