"""A case of a machine and its life: what the machine and what people do to it. No messages and no model."""
