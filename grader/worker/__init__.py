"""The processes that open submissions: a server, a pool, and what they send each other."""
