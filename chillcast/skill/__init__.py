"""How well the forecast does on simulated fleets that no choice has looked at. No stream, no store."""
