"""What a question may ask of the reference, found out inside its worker."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.errors import Cause, RunError, did_you_mean
from builder.shapes import TensorType
from builder.spec.graph import GraphLayer
from grader.answering.question_language import Value
from grader.comparing.layer_outputs import watched
from grader.exchange import Array
from grader.gradients.backpropagation import loaded, loss_of

if TYPE_CHECKING:
    from torch import Tensor

    from builder.runtime.insight.through_time import ThroughTime
    from builder.runtime.network.module import Network
    from grader.submission.submission import Submission


class Facts:
    """The reference, with what one question gives: inputs, weights and `target` by name.

    Shapes and counts need no torch. An array that is given as the input's type says is one example, and then
    nothing has a batch axis; one with an axis more in front is a batch.
    """

    def __init__(
        self, submission: Submission, given: Mapping[str, Array], loss: dict[str, Any] | None
    ) -> None:
        self._submission = submission
        self._graph = submission.graph
        self._given = given
        self._criterion = loss
        state = self._graph.state
        known = [*self._graph.inputs, *state, "target"]
        for name in given:
            if name not in known:
                raise Cause(f"`given` has `{name}`, which the reference does not", did_you_mean(name, known))

    def ask(self, function: str, name: str | None) -> Value:
        """The value of `function(name)`. Raises ``Cause``."""
        value: Value = getattr(self, f"_{function}")(name)
        return value

    def hidden(self, layer: str, step: int, state: str | None) -> Value:
        """A recurrent layer's output, or another state or gate, after ``step`` steps. Raises ``Cause``.

        0 is what it begins with: zeros, unless another layer's states or learned values say otherwise. Of
        several layers (`num_layers`) it is the last, of two directions the one that reads forwards.
        """
        use = self._graph.by_name.get(self._graph.aliases.get(layer, layer))
        if use is None:
            raise self._unknown(layer)
        if not use.ports:
            raise Cause(f"`{layer}` is not recurrent: it has no hidden state")
        seen = self._unrolled(use.name)
        state = state or next(iter(use.ports))
        try:
            along = seen.values[seen.checked(state)]
        except RunError as error:
            raise Cause(error.problem, error.hint) from None
        steps = along.shape[1]
        if not 0 <= step <= steps:
            raise Cause(
                f"there is no step {step}: the input that is given has {steps}",
                "The first step is 1; 0 is before it.",
            )
        if step:
            return self._plain(along[:, step - 1])
        if state not in seen.cell.state_names:
            raise Cause(f"`{state}` is not carried: it has no value before the first step")
        if use.starts_from is not None or any(".initial" in name for name in use.parameter_shapes):
            raise Cause(f"`{layer}` does not begin at zero", "Ask for a step from 1 on.")
        return self._plain(along[:, 0] * 0)

    def _unrolled(self, layer: str) -> ThroughTime:
        """Every step of one recurrent layer."""
        import torch

        from builder.runtime.insight.through_time import through_time

        inputs = list(self._inputs.values())

        def run() -> Tensor:
            given = self._network(*inputs)
            outputs = given.values() if isinstance(given, dict) else [given]
            return torch.cat([output.flatten() for output in outputs]).sum()

        try:
            return through_time(self._network, layer, run)
        except RunError as error:
            raise Cause(error.problem, error.hint) from None

    def _shape(self, name: str) -> Value:
        try:
            kind = self._graph.type_of(name)
        except KeyError:
            raise self._unknown(name) from None
        if kind.free:
            raise Cause(f"`{name}` is {kind}: its axis {kind.free[0]} is of no one length")
        return np.array(kind.shape, np.int64)

    def _parameters(self, name: str | None) -> Value:
        return sum(layer.parameters for layer in self._layers(name))

    def _multiply_adds(self, name: str | None) -> Value:
        return sum(layer.multiply_adds for layer in self._layers(name))

    def _layers(self, name: str | None) -> list[GraphLayer]:
        """The layer of this name, or those of the block of this name, or all."""
        if name is None:
            return list(self._graph.layers)
        found = [u for u in self._graph.layers if u.name == name or u.name.startswith(f"{name}.")]
        if not found and name in self._graph.aliases:
            found = [self._graph.by_name[self._graph.aliases[name]]]
        if not found:
            raise self._unknown(name)
        return found

    def _unknown(self, name: str) -> Cause:
        known = [*self._graph.inputs, *self._graph.by_name, *self._graph.aliases]
        return Cause(f"the reference has no layer `{name}`", did_you_mean(name, known))

    def _value(self, name: str) -> Value:
        name = self._graph.aliases.get(name, name)
        if name in self._inputs:
            return self._plain(self._inputs[name])
        if name not in self._values:
            raise self._unknown(name)
        return self._plain(self._values[name])

    def _output(self, name: str | None) -> Value:
        outputs = self._graph.outputs
        if name is None:
            if len(outputs) > 1:
                raise Cause("the reference has several outputs", f"Name one: {', '.join(outputs)}.")
            name = next(iter(outputs))
        if name not in outputs:
            raise Cause(f"the reference has no output `{name}`", did_you_mean(name, outputs))
        return self._value(outputs[name])

    def _loss(self, name: None) -> Value:
        return self._loss_tensor().item()

    def _loss_tensor(self) -> Tensor:
        if "target" not in self._given:
            raise Cause("`loss()` needs a `target`", "As in `given: {input: [1, 2], target: 1}`.")
        if self._criterion is None:
            raise Cause("there is no loss", "Name one in the assignment's `train`.")
        import torch

        if len(self._graph.outputs) > 1:
            raise Cause("a loss is of one output, and the reference has several")
        target = self._given["target"] if self._batched else self._given["target"][None]
        kind = np.int64 if target.dtype.kind in "iu" and self._loss_of_classes else np.float64
        (output,) = (self._tensor_of(layer) for layer in self._graph.outputs.values())
        return loss_of(self._criterion)(output, torch.from_numpy(target.astype(kind)))

    @property
    def _loss_of_classes(self) -> bool:
        return next(iter(self._criterion or {})) in ("CrossEntropyLoss", "NLLLoss")

    def _gradient(self, name: str) -> Value:
        """Of the loss, or, without a target, of the one number that the network gives."""
        wanted = self._inputs.get(name, dict(self._network.named_parameters()).get(name))
        if wanted is None:
            known = [*self._graph.inputs, *self._graph.parameter_shapes]
            raise Cause(f"the reference has no parameter `{name}`", did_you_mean(name, known))
        import torch

        if "target" in self._given:
            root = self._loss_tensor()
        else:
            root, *others = (self._tensor_of(layer) for layer in self._graph.outputs.values())
            if others or root.numel() != 1:
                raise Cause(
                    "a gradient is of one number, and the output has more", "Give a `target`, for the loss."
                )
        (found,) = torch.autograd.grad(root.sum(), [wanted], retain_graph=True, allow_unused=True)
        array: Array = np.zeros(tuple(wanted.shape)) if found is None else found.numpy()
        return array[0] if name in self._inputs and not self._batched else array

    def _plain(self, tensor: Tensor) -> Array:
        array: Array = tensor.detach().numpy()
        return array if self._batched else array[0]

    def _tensor_of(self, name: str) -> Tensor:
        return self._values[name] if name in self._values else self._inputs[name]

    @cached_property
    def _shaped(self) -> dict[str, tuple[Array, bool]]:
        """Each input N×…, and whether it was given as a batch."""
        found: dict[str, tuple[Array, bool]] = {}
        for name, kind in self._graph.inputs.items():
            if name not in self._given:
                raise Cause(f"the value needs the input `{name}`", f"Add it to `given`: {name}, {kind}.")
            found[name] = _as_examples(name, self._given[name], kind)
        if len({batched for _, batched in found.values()}) > 1:
            raise Cause("some inputs are one example and some are a batch")
        return found

    @property
    def _batched(self) -> bool:
        return any(batched for _, batched in self._shaped.values())

    @cached_property
    def _inputs(self) -> dict[str, Tensor]:
        import torch

        tensors = {name: torch.from_numpy(array) for name, (array, _) in self._shaped.items()}
        for tensor in tensors.values():
            tensor.requires_grad_(tensor.is_floating_point())
        return tensors

    @cached_property
    def _values(self) -> dict[str, Tensor]:
        """What every layer gives."""
        found: list[Tensor] = []
        network = self._network
        for layer in self._graph.layers:
            if layer.shared_with is None:
                module = network.get_submodule(layer.name)
                watched(module, found.append)
        network(*self._inputs.values())
        return dict(zip((layer.name for layer in self._graph.layers), found, strict=True))

    @cached_property
    def _network(self) -> Network:
        """The reference with its weights, or the given ones. Raises ``Cause`` if any is drawn at random."""
        given = {name: self._weight(name) for name in self._graph.state if name in self._given}
        submission = self._submission
        weights = dict(submission.weights) if submission.has("weights") else {}
        network = loaded(submission, weights | given)
        if not weights:
            other = dict(loaded(submission, given, seed=1).named_parameters())
            for name, weight in network.named_parameters():
                if not bool((weight == other[name]).all()):
                    raise Cause(
                        f"the value depends on `{name}`, which is drawn at random",
                        "Give it in `given`, or by `init` in the reference.",
                    )
        return network

    def _weight(self, name: str) -> Array:
        wanted = self._graph.state[name]
        array = self._given[name]
        if array.size == 1:  # one number for all of it
            return np.full(wanted, float(array.reshape(())))
        if array.size != int(np.prod(wanted)):
            raise Cause(f"`{name}` has shape {list(wanted)}, and {list(array.shape)} is given")
        return array.astype(np.float64).reshape(wanted)


def _as_examples(name: str, array: Array, kind: TensorType) -> tuple[Array, bool]:
    """An input N×…, and whether it was given as a batch. Leading axes of one may be left out."""
    array = array.astype(np.int64 if kind.vocabulary is not None else np.float64)
    shape = array.shape
    if kind.fits(shape[1:]):
        return array, True
    padded = (*(1 for _ in range(len(kind.shape) - len(shape))), *shape)
    if not kind.fits(padded):
        raise Cause(f"the input `{name}` is {kind}, and {list(shape)} is given")
    return array.reshape(1, *padded), False
