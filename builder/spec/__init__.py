"""A spec as data: what the file says, read with every error, and the graph it makes."""
