"""Cases of machines, what machine and people do to them, and planned stops. No messages and no model."""
