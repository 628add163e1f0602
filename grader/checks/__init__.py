"""Each check, one file each."""
