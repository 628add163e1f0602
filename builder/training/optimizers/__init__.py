"""What an optimizer is, and each optimizer."""
