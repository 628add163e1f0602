"""From the graph to the torch module: layers made, wired and run."""
