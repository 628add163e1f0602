"""What an attack is, and each attack, one file each."""
