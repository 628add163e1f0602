"""`norm`: a layer that divides its weight by a norm of it.

spectral: W/σ(W), with σ the largest singular value, estimated: no input is stretched by more than 1 (Miyato et
al., "Spectral normalization for generative adversarial networks", 2018). weight: g·W/‖W‖, with a norm and a
learned length g for each output, and for each input of a transposed convolution, as torch has it (Salimans &
Kingma, "Weight normalization", 2016). Source: torch.nn.utils.parametrizations.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from builder.errors import Cause, nearest
from builder.language.nodes import Node, describe
from builder.layers.layer import Layer
from builder.reader import Reader
from builder.shapes import Inferred, Shape, count

NORMS: Final = ("spectral", "weight")


def read_norm(node: Node, reader: Reader) -> str | None:
    """The one of ``NORMS`` that is written; None for `null`. Raises ``Cause``, and ``Unknown`` for a hole."""
    norm = reader.plain(node)
    if norm is None or (isinstance(norm, str) and norm in NORMS):
        return norm
    near = nearest(norm, NORMS) if isinstance(norm, str) else None
    raise Cause(
        f"expected `spectral` or `weight`, found {describe(norm)}",
        f"Did you mean `{near}`?" if near else None,
    )


def normed(layer: Layer, inferred: Inferred, norm: str) -> Inferred:
    """``inferred`` of a layer with ``norm``: the state beside ``weight`` added.

    ``weight`` stays the parameter that is trained. spectral: two buffers, ``weight_u`` as long as the weight
    has outputs and ``weight_v`` as each output has weights, estimates of the first singular vectors. weight:
    one parameter more, ``weight_g``, the lengths. Neither counts as multiply-adds: what a layer
    computes with is worked out once a batch. Raises ``Cause`` for a layer that has no such weight.
    """
    from builder.layers.shared.recurrent import RecurrentLayer

    kind = type(layer).__name__
    if isinstance(layer, RecurrentLayer):
        raise Cause(
            f"`norm` is for layers with one `weight`, and `{kind}` has one for each gate",
            "Clip its gradients instead: `train: {clip_grad_norm: 1.0}`.",
        )
    weight = inferred.parameters.get("weight")
    if weight is None:
        raise Cause(f"`norm` is for layers with a `weight`, and `{kind}` has none", "Remove it.")
    if len(weight) < 2:
        raise Cause(
            f"`norm` is for weights that are matrices or kernels, and `{kind}`'s is a vector", "Remove it."
        )
    if norm == "spectral":
        outputs = weight[layer.weight_axis]
        buffers = {"weight_u": (outputs,), "weight_v": (count(weight) // outputs,)}
        return replace(inferred, buffers={**inferred.buffers, **buffers}, how=f"{inferred.how};  W/σ(W)")
    lengths = _lengths(weight)
    total = sum(map(count, inferred.parameters.values()))
    return replace(
        inferred,
        parameters={**inferred.parameters, "weight_g": lengths},
        how=f"{inferred.how} + {lengths[0]} lengths = {total + lengths[0]};  g·W/‖W‖",
    )


def _lengths(weight: Shape) -> Shape:
    """One for each place of the first axis: torch's `weight_norm` has it so for every layer."""
    return (weight[0], *(1 for _ in weight[1:]))
