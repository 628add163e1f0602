"""A cell as one ONNX ``Scan`` over time, for one layer in one direction, with free batch and time.

torch's exporter follows the cell to a placeholder, an operator of our own domain that takes the cell's
weights and gives what the cell gives; afterwards each placeholder becomes a ``Scan`` whose body is made from
the equations. (torch's own ``scan`` exports to a ``Scan`` too, but traces the body many times: ten seconds
of work for each.) Source: https://onnx.ai/onnx/operators/onnx__Scan.html and torch.onnx.ops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import onnx
import torch
from onnx import helper
from torch import Tensor

from builder.cells.cell import Cell
from builder.cells.term import Apply, Constant, Name, Project, Read, Term, Weight
from builder.runtime.network.masks import valid_steps

DOMAIN: Final = "gradspec.scan"  # of the placeholders; none is left in a file

# The operator of each name of builder.cells.term.FUNCTIONS and OPERATORS that is one operator, and its options.
_OPERATORS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "sigmoid": ("Sigmoid", {}), "tanh": ("Tanh", {}), "relu": ("Relu", {}), "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}), "exp": ("Exp", {}), "log": ("Log", {}), "abs": ("Abs", {}),
    "sqrt": ("Sqrt", {}), "elu": ("Elu", {}), "hardsigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "identity": ("Identity", {}), "minimum": ("Min", {}), "maximum": ("Max", {}), "add": ("Add", {}),
    "subtract": ("Sub", {}), "multiply": ("Mul", {}), "divide": ("Div", {}), "power": ("Pow", {}),
    "negative": ("Neg", {}),
}  # fmt: skip
_LAYER_NORM_EPS: Final = 1e-5


def scan_placeholder(
    cell: Cell,
    weights: Mapping[str, Tensor],
    x: Tensor,
    states: Sequence[Tensor],
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """What ``plain_cell.unrolled`` gives, for the same arguments. Within ``torch.onnx.export`` alone."""
    over_time = [x.transpose(0, 1)]
    if lengths is not None:
        over_time.append(valid_steps(x, lengths).transpose(0, 1)[:, :, None])
    batch, hidden = states[0].shape
    outputs = torch.onnx.ops.symbolic_multi_out(
        f"{DOMAIN}::{cell.name}",
        [*states, *over_time, *(weights[name] for name in cell.parameters)],
        {"hidden_size": hidden, "input_size": x.shape[2], "time_inputs": len(over_time), "reverse": reverse},
        dtypes=[x.dtype] * (len(states) + 1),
        shapes=[*[(batch, hidden)] * len(states), (x.shape[1], batch, hidden)],
    )
    return outputs[-1].transpose(0, 1), tuple(outputs[:-1])


def with_scans(model: onnx.ModelProto, cells: Mapping[str, Cell]) -> None:
    """Makes a ``Scan`` of every placeholder; ``cells`` are those of the network under their names."""
    for node in model.graph.node:
        if node.domain == DOMAIN:
            _fill(node, cells[node.op_type])


def _fill(node: onnx.NodeProto, cell: Cell) -> None:
    given = {attribute.name: attribute.i for attribute in node.attribute}
    names = list(node.input)
    over_time = len(cell.state_names) + given["time_inputs"]
    weights = dict(zip(cell.parameters, names[over_time:], strict=True))
    body = _Body(f"{node.output[-1]}/", weights, cell)
    graph = body.graph(given["input_size"], given["hidden_size"], padded=given["time_inputs"] == 2)
    # The weights are not inputs of the scan: its body reads them where they stand. Read from back to front, a
    # padded sequence keeps its first state through the padding, and so starts at its own end.
    scan = helper.make_node(
        "Scan",
        names[:over_time],
        list(node.output),
        name=node.name,
        body=graph,
        num_scan_inputs=given["time_inputs"],
        scan_input_directions=[given["reverse"]] * given["time_inputs"],
        scan_output_directions=[given["reverse"]],
    )
    node.CopyFrom(scan)


class _Body:
    """One step as a graph. Its names begin with ``prefix``: a body may not hide a name from outside."""

    def __init__(self, prefix: str, weights: Mapping[str, str], cell: Cell) -> None:
        self._prefix = prefix
        self._weights = weights
        self._cell = cell
        self._nodes: list[onnx.NodeProto] = []
        self._values: dict[Term, str] = {}

    def graph(self, input_size: int, hidden_size: int, *, padded: bool) -> onnx.GraphProto:
        """From the states, ``x`` and, if ``padded``, whether the step is real, to the states and the output."""
        cell = self._cell
        before = [self._value(Read(name, previous=True), f"{name}_prev") for name in cell.state_names]
        x = self._value(Read("x"), "x")
        for equation in cell.equations:
            self._values[Read(equation.name)] = self._wide(equation.term)
        made = [self._values[Read(name)] for name in cell.state_names]
        output = self._values[Read(cell.output)]
        if padded:
            inside = f"{self._prefix}inside"
            after = [self._node("Where", inside, new, old) for new, old in zip(made, before, strict=True)]
            shown = self._node("Where", inside, output, self._term(Constant(0.0)))
        else:  # an output of a graph stands once in it
            after = [self._node("Identity", new) for new in made]
            shown = self._node("Identity", output)
        inputs = [*(_reals(name, hidden_size) for name in before), _reals(x, input_size)]
        if padded:
            inputs.append(helper.make_tensor_value_info(inside, onnx.TensorProto.BOOL, ["batch", 1]))
        outputs = [_reals(name, hidden_size) for name in (*after, shown)]
        return helper.make_graph(self._nodes, f"{cell.name}_step", inputs, outputs)

    def _value(self, term: Term, name: str) -> str:
        self._values[term] = name = f"{self._prefix}{name}"
        return name

    def _node(self, operator: str, *inputs: str, **options: Any) -> str:
        name = f"{self._prefix}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], **options))
        return name

    def _term(self, term: Term) -> str:
        """The name of the term's value, made once; a term equal to another is the same value."""
        if term not in self._values:
            self._values[term] = self._made(term)
        return self._values[term]

    def _made(self, term: Term) -> str:
        match term:
            case Constant(value):
                return self._node("Constant", value_float=value)
            case Weight(name):
                return self._weights[name]
            case Project(matrix, operands):
                parts = [self._wide(operand) for operand in operands]
                joined = parts[0] if len(parts) == 1 else self._node("Concat", *parts, axis=-1)
                return self._node("Gemm", joined, self._weights[matrix], transB=1)
            case Apply("silu", (operand,)):
                inner = self._term(operand)
                return self._node("Mul", inner, self._node("Sigmoid", inner))
            case Apply("gelu", (operand,)):
                return self._gelu(self._term(operand))
            case Apply("hardtanh", (operand,)):
                low, high = (self._term(Constant(end)) for end in (-1.0, 1.0))
                return self._node("Clip", self._term(operand), low, high)
            case Apply("layer_norm", (operand,)):
                return self._layer_norm(self._wide(operand))
            case Apply(function, operands):
                operator, options = _OPERATORS[function]
                return self._node(operator, *(self._term(operand) for operand in operands), **options)
            case Read(name) | Name(name):
                raise ValueError(f"`{name}` stands for nothing here")

    def _wide(self, term: Term) -> str:
        """The term's value, N×H even where it is the same for every example, or one number."""
        value = self._term(term)
        if _is_wide(term):
            return value
        state = self._values[Read(self._cell.state_names[0], previous=True)]
        return self._node("Expand", value, self._node("Shape", state))

    def _gelu(self, value: str) -> str:
        """The exact GELU, value·(1 + erf(value/√2))/2."""
        error = self._node("Erf", self._node("Mul", value, self._term(Constant(0.5**0.5))))
        doubled = self._node("Mul", value, self._node("Add", error, self._term(Constant(1.0))))
        return self._node("Mul", doubled, self._term(Constant(0.5)))

    def _layer_norm(self, value: str) -> str:
        axes = self._node("Constant", value_ints=[-1])
        centred = self._node("Sub", value, self._node("ReduceMean", value, axes))
        variance = self._node("ReduceMean", self._node("Mul", centred, centred), axes)
        safe = self._node("Add", variance, self._term(Constant(_LAYER_NORM_EPS)))
        return self._node("Div", centred, self._node("Sqrt", safe))


def _is_wide(term: Term) -> bool:
    """Whether the term's value has a row for every example."""
    match term:
        case Read() | Project() | Apply("layer_norm"):
            return True
        case Apply(_, operands):
            return any(_is_wide(operand) for operand in operands)
        case _:
            return False


def _reals(name: str, width: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", width])
