"""One model from many simulated fleets, with which a real fleet's learning begins. No stream, no store."""
