"""What scores were worth, by event and beside baselines. Nothing is chosen here."""
