"""What a metric is, and each metric."""
