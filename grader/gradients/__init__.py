"""Gradients of a submission and those a student computed, with the usual slips."""
