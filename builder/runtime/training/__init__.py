"""The training loop: epochs, events, outputs on whole parts, and the session around them."""
