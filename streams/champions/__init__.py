"""Which model version scores which message. No scoring."""
