"""Clients of a Kafka broker: addresses, topics, readers, a publisher. No stage."""
