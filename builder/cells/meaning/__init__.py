"""Whether two cells compute the same function, and what is different if they do not."""
