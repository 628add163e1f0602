"""What an adversarial objective is, and each objective, one file each."""
