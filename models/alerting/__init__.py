"""When a risk becomes a case, and when a case ends. No messages and no model."""
