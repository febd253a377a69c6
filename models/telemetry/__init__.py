"""Rows of telemetry and the labels of windows, as arrays. No feature is computed here."""
