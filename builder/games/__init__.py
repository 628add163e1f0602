"""Two networks that play against each other: the section `adversarial` and its training."""
