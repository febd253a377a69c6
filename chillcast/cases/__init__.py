"""What a person at a terminal does to cases, and how they are shown there. No life of a case."""
