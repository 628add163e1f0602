"""Data as tensors: parts, batches and fitted preprocessing."""
