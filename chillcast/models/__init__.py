"""Registering, comparing, promoting, packaging models. No training configuration."""
