"""What is published of a chiller: points, noise and resolution. No truth passes through."""
