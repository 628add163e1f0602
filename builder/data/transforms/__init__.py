"""What a transform is, and each transform, one file each."""
