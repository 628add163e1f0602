"""Why a network decides as it does, and how its gradient reaches back through time."""
