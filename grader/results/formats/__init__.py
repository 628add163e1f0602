"""What an output format is, and each format, one file each."""
