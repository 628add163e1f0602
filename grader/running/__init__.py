"""Work on networks inside a worker: predictions, training, samples and attacks."""
