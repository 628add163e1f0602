"""A cell's run on a GPU as CUDA graphs: hundreds of small launches become one, forwards and one backwards.

A graph is captured for one batch size and one number of steps. Weights, x, states and lengths are copied into its
own memory before it is replayed, and what it gives is copied out of it.
Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, final

import torch
from torch import Tensor

from builder.errors import Notice

Outcome = tuple[Tensor, tuple[Tensor, ...]]
Call = Callable[[], tuple[Tensor, ...]]
# What a call gave, and how to do it again into the same memory.
Capture = Callable[[Call], tuple[tuple[Tensor, ...], Callable[[], None]]]

_MOST: Final = 8  # buckets of one layer that are kept
_WARM: Final = 3  # runs before a capture, as torch.cuda.make_graphed_callables has it


def captured(call: Call) -> tuple[tuple[Tensor, ...], Callable[[], None]]:
    """Captures ``call`` as a CUDA graph: where its results will stand, and the replay. They are not there yet."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(_WARM):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # A thread that pins memory for the next batch goes on meanwhile.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        found = call()
    return found, graph.replay


@final
class Graphed:
    """A run (``run_program`` but for its weights, x, states, lengths and direction) that is replayed where it can be.

    A shape is captured when it comes the second time: one that comes once is not worth it. What cannot be
    captured runs as it is, and ``reason`` says why; a capture that failed warns once, none is tried again, and
    ``failed`` says so from then on.
    Gradients of gradients, and those of a call after which the same bucket was used again, are worked out anew.
    """

    def __init__(self, run: Callable[..., Outcome], capture: Capture = captured) -> None:
        self._run = run
        self._capture = capture
        self._seen: Counter[Hashable] = Counter()
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()
        self.failed = ""
        self.reason = ""

    def __reduce__(self) -> tuple[object, ...]:
        return Graphed, (self._run, self._capture)  # a copy captures its own graphs

    def __call__(
        self,
        weights: Mapping[str, Tensor],
        x: Tensor,
        states: Sequence[Tensor],
        lengths: Tensor | None = None,
        reverse: bool = False,
    ) -> Outcome:
        """As the run itself."""
        self.reason = self.failed or _obstacle(x)
        if self.reason:
            return self._run(weights, x, states, lengths, reverse)
        names = tuple(weights)
        tensors = (*weights.values(), x, *states, *(() if lengths is None else (lengths,)))

        def run(*given: Tensor) -> tuple[Tensor, ...]:
            ends = len(given) - (lengths is not None)
            output, finals = self._run(
                dict(zip(names, given, strict=False)),
                given[len(names)],
                given[len(names) + 1 : ends],
                given[ends] if lengths is not None else None,
                reverse,
            )
            return output, *finals

        bucket = self._bucket(run, tensors, (names, lengths is None, reverse))
        if bucket is None:
            return self._run(weights, x, states, lengths, reverse)
        output, *finals = _Replayed.apply(bucket, *tensors)
        return output, tuple(finals)

    def _bucket(
        self, run: Callable[..., tuple[Tensor, ...]], tensors: Sequence[Tensor], kind: Hashable
    ) -> _Bucket | None:
        """The bucket of these shapes, captured if they have come before; else nothing."""
        trains = torch.is_grad_enabled()
        asked = tuple(trains and tensor.requires_grad for tensor in tensors)
        shapes = tuple((tensor.shape, tensor.dtype) for tensor in tensors)
        key = (kind, shapes, asked, tensors[-1].device, torch.is_inference_mode_enabled())
        if key in self._buckets:
            self._buckets.move_to_end(key)
            return self._buckets[key]
        self._seen[key] += 1
        if self._seen[key] < 2:
            return None
        device = tensors[0].device
        try:
            self._buckets[key] = _Bucket(run, tensors, asked, device, self._capture)
        except RuntimeError as error:
            self.failed = self.reason = f"No CUDA graph could be captured: {str(error).splitlines()[0]}"
            warnings.warn(f"{self.reason} The cell runs without, more slowly.", Notice, stacklevel=4)
            return None
        if len(self._buckets) > _MOST:
            oldest, _ = self._buckets.popitem(last=False)
            del self._seen[oldest]
        return self._buckets[key]


class _Bucket:
    """The graphs of one shape, and their memory."""

    def __init__(
        self,
        run: Callable[..., tuple[Tensor, ...]],
        tensors: Sequence[Tensor],
        asked: Sequence[bool],
        device: torch.device,
        capture: Capture,
    ) -> None:
        self.run = run
        self.turn = 0
        self._inputs = [
            tensor.detach().to(device, copy=True).requires_grad_(needed)
            for tensor, needed in zip(tensors, asked, strict=True)
        ]
        self.outputs, self._forward = capture(lambda: run(*self._inputs))
        self.differentiable = [output.requires_grad for output in self.outputs]
        self._asked = [tensor for tensor in self._inputs if tensor.requires_grad]
        ends = [output for output in self.outputs if output.requires_grad]
        self._given = [torch.zeros_like(output) for output in ends]
        if not ends:
            return

        def back() -> tuple[Tensor, ...]:
            gradients = torch.autograd.grad(
                ends, self._asked, self._given, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            return tuple(gradients)

        self._gradients, self._backward = capture(back)

    def forward(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """What the run gives for these."""
        self.turn += 1
        for into, tensor in zip(self._inputs, tensors, strict=True):
            into.data.copy_(tensor)  # a replay knows nothing of autograd's versions
        self._forward()
        return tuple(output.detach().clone() for output in self.outputs)

    def backward(self, given: Sequence[Tensor]) -> list[Tensor | None]:
        """The gradients of the inputs of the last ``forward``; nothing for those that need none."""
        ours = [gradient for gradient, kept in zip(given, self.differentiable, strict=True) if kept]
        for into, gradient in zip(self._given, ours, strict=True):
            into.copy_(gradient)
        self._backward()
        gradients = iter(self._gradients)
        return [next(gradients).clone() if tensor.requires_grad else None for tensor in self._inputs]


class _Replayed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, bucket: _Bucket, *tensors: Tensor) -> tuple[Tensor, ...]:
        outputs = bucket.forward(tensors)
        still = [output for output, kept in zip(outputs, bucket.differentiable, strict=True) if not kept]
        ctx.mark_non_differentiable(*still)
        ctx.bucket, ctx.turn = bucket, bucket.turn
        ctx.save_for_backward(*tensors)
        return outputs

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
        bucket: _Bucket = ctx.bucket
        if torch.is_grad_enabled() or ctx.turn != bucket.turn:
            return None, *_again(bucket, ctx.saved_tensors, given, ctx.needs_input_grad[1:])
        return None, *bucket.backward(given)


def _again(
    bucket: _Bucket, tensors: Sequence[Tensor], given: Sequence[Tensor], needed: Sequence[bool]
) -> list[Tensor | None]:
    """The gradients by another run, without graphs; they can be derived once more if that is asked for."""
    twice = torch.is_grad_enabled()
    with torch.enable_grad():
        # Through other names: one input may be made of another, and what reaches it that way is not ours.
        inner = [
            tensor.view_as(tensor) if twice else tensor.detach().requires_grad_(wanted)
            for tensor, wanted in zip(tensors, needed, strict=True)
        ]
        outputs = bucket.run(*inner)
    pairs = [(output, g) for output, g in zip(outputs, given, strict=True) if output.requires_grad]
    gradients = iter(
        torch.autograd.grad(
            [output for output, _ in pairs],
            [tensor for tensor, wanted in zip(inner, needed, strict=True) if wanted],
            [g for _, g in pairs],
            create_graph=twice,
            allow_unused=True,
        )
    )
    return [next(gradients) if wanted else None for wanted in needed]


def _obstacle(x: Tensor) -> str:
    """Why no graph serves this call; empty if one does."""
    if not x.is_cuda:
        return "CUDA graphs need a CUDA device."
    if torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return "No CUDA graph is captured while the network is compiled or exported."
    if torch._C._are_functorch_transforms_active():
        return "No CUDA graph is captured under torch.func."
    if torch.is_autocast_enabled("cuda"):
        return "No CUDA graph is captured under autocast."
    if torch.cuda.is_current_stream_capturing():
        return "A CUDA graph is being captured around it already."
    if x.numel() == 0:
        return "There is nothing to work out."
    return ""
