"""An assignment as it is read: its sections, checks, terms and points."""
