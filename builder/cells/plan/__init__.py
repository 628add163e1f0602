"""How a cell runs: products taken out of the loop, a schedule of operations, and its adjoint."""
