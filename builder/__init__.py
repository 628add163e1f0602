"""gradspec's builder: from YAML to a graph with a shape on every edge, without torch.

What needs torch (building, training, exporting) is in ``builder.runtime``.
"""

from typing import TYPE_CHECKING, Any

from builder.errors import GradspecError, RunError, SpecError, SpecErrors
from builder.load import infer, load, loads
from builder.spec.graph import Graph, GraphLayer
from builder.spec.spec import ModelSpec

if TYPE_CHECKING:
    from builder.games.objectives.objective import objective

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


def __getattr__(name: str) -> Any:
    """``objective``, imported on first use: most specs have no adversarial part."""
    if name != "objective":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from builder.games.objectives.objective import objective

    return objective
