"""Training again by itself: triggers, steps, service. No training, gate or promotion of its own."""
