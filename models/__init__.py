"""What is known: sensors, features, labels, risk, registry, online learning, drift, evaluation."""
