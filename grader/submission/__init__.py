"""A submitted folder, opened within limits."""
