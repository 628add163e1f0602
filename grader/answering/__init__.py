"""Questions that a student answers by hand, and when an answer is right."""
