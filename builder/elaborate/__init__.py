"""From the written spec to the graph: blocks unrolled, names resolved, shapes and weights checked."""
