"""The command line: the only part of gradspec that prints."""
