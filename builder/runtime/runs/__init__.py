"""The run folder: checkpoints, weights and files that are written whole or not at all."""
