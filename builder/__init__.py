"""gradspec's builder: from YAML to a graph with a shape on every edge, without torch.

What needs torch (building, training, exporting) is in ``builder.runtime``.
"""

from builder.errors import GradspecError, RunError, SpecError, SpecErrors
from builder.games.objectives.objective import objective
from builder.load import infer, load, loads
from builder.spec.graph import Graph, GraphLayer
from builder.spec.spec import ModelSpec

__all__ = [
    "GradspecError",
    "Graph",
    "GraphLayer",
    "ModelSpec",
    "RunError",
    "SpecError",
    "SpecErrors",
    "infer",
    "load",
    "loads",
    "objective",
]
