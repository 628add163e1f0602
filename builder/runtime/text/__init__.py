"""Text that a trained network of characters continues."""
