"""Which networks can be attacked, attacks, and disturbances."""
