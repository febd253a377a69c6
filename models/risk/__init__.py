"""What scores a window and says why. No training and no registry."""
