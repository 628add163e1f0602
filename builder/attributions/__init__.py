"""Attributions, one file each."""
