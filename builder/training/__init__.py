"""The section `train`: what a run minimizes, with which optimizer, and for how long."""
