"""Each command, one file each, named as it is typed."""
