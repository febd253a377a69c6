"""Scenarios and simulated fleets: groups of plants, day by day. No Kafka."""
