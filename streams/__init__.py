"""What moves: records, topics, agents, alerts, sinks and the page."""
