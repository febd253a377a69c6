"""How credible the simulator is, held against published tests. Not part of the wheel."""
