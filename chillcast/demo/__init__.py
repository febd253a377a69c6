"""The demonstration and its report. Nothing that another command needs."""
