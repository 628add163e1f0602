"""What a measure of samples is, and each measure, one file each."""
