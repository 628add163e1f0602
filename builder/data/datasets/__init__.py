"""What a dataset is, and each dataset, one file each."""
