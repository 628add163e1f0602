"""What a disturbance is, and each disturbance."""
