"""Attacks on trained networks, training against them, and how credible the result is."""
