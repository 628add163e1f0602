"""Training of two players, samples of a generator, and their quality."""
