"""What a class got, and the files that report it."""
