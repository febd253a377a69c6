"""Broker, topics and workers, put together and fed. No training."""
