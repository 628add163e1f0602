"""What a loss is, and each loss."""
