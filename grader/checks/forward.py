"""forward: the same weights and inputs give the same outputs.

Every layer's output is compared by a sketch, its products with random directions: if a layer agrees, so does
all that leads to it, whatever it is called. Source: Johnson & Lindenstrauss (1984) for the sketch.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, final

import numpy as np

from builder.component import Accepted, Rejected
from builder.errors import RunError
from builder.fields import Natural, Positive
from builder.shapes import TensorType
from grader.check import Brief, Check, Subject
from grader.comparing.injection import SKETCH_STREAM, Inputs, injected, injected_task, stream
from grader.comparing.layer_outputs import watched
from grader.comparing.matching import match_outputs
from grader.comparing.padding import Padding
from grader.exchange import Array, Findings, Task
from grader.outcome import Blocked, Failed, Outcome, Passed
from grader.outline import Outline

if TYPE_CHECKING:
    from grader.submission.submission import Submission

DIRECTIONS: Final = 4


@final
class forward(Check):
    """With the instructor's weights and inputs, your network gives the outputs it should.

    Your own weights do not count here: both networks get the same, drawn from `seed`, and the same `inputs`,
    and run in `eval` mode in float64. Your layers may have any names, and stand in any order that means the
    same. If the outputs differ by more than `tolerance` times the largest, you have the points of the layers
    that agree, up to the first that does not. If the weights do not fit your layers the check is blocked.
    """

    needs_reference: ClassVar[bool] = True

    accepts = (
        Accepted(""),
        Accepted("{tolerance: 1e-4}"),
        Accepted("{inputs: {count: 2, seed: 7}, seed: 3}"),
        Accepted("{inputs: images.npz}"),
    )
    rejects = (
        Rejected("{tolerance: 0}", "expected a real number above 0, found 0"),
        Rejected("{inputs: {counts: 8}}", "`inputs` has no field `counts`"),
        Rejected("1e-4", "`forward` takes its fields by name, found the real number 0.0001"),
    )

    tolerance: Positive = 1e-6
    inputs: Inputs = Inputs()
    seed: Natural = 0

    def prepare(self, brief: Brief, subject: Subject) -> Task | Outcome | None:
        """The weights of the reference under the names of the submission, and the inputs.

        ``Blocked`` where weights or outputs cannot be matched.
        """
        if match_outputs(brief.required, subject.network) is None:
            wanted, found = len(brief.required.outputs), len(subject.network.outputs)
            return Blocked("outputs", f"{wanted} outputs are needed, and there are {found}")
        if not subject.network.layers:
            return Blocked("layers", "there is no layer to compare")
        return injected_task(brief, subject, self.inputs, self.seed)

    def work(self, task: Task, submission: Submission) -> Findings:
        """``output.<name>`` N×…, ``sketches`` layers×N×4 and ``norms`` layers×N, in float64.

        A sketch is a layer's flattened output times a seeded random matrix.
        """
        import torch
        from torch import Tensor

        network = injected(task, submission)
        graph = submission.graph
        padding = Padding(task, graph)
        uses: dict[str, list[TensorType]] = {}  # what each module gives, use by use
        for layer in graph.layers:
            uses.setdefault(layer.shared_with or layer.name, []).append(layer.output_type)
        sketches: list[Array] = []
        norms: list[Array] = []
        directions: dict[int, Tensor] = {}

        def watch(name: str, output: Tensor) -> None:
            flat = padding.cleared(output, uses[name].pop(0)).flatten(1).double()
            size = flat.shape[1]
            if size not in directions:
                drawn = stream(self.seed, SKETCH_STREAM + size).standard_normal((size, DIRECTIONS))
                directions[size] = torch.from_numpy(drawn)
            sketches.append((flat @ directions[size]).numpy())
            norms.append(torch.linalg.vector_norm(flat, dim=1).numpy())

        # A layer runs once for each of its uses, in the order of the graph.
        for name in uses:
            watched(network.get_submodule(name), partial(watch, name))
        inputs = {name: torch.from_numpy(task.arrays[f"input.{name}"]) for name in graph.inputs}
        with torch.inference_mode():
            given = network(**inputs, **padding.given)
        outputs = given if isinstance(given, dict) else dict.fromkeys(graph.outputs, given)
        kinds = graph.output_types
        arrays = {
            f"output.{name}": padding.cleared(output, kinds[name]).numpy() for name, output in outputs.items()
        }
        return Findings(arrays=arrays | {"sketches": np.stack(sketches), "norms": np.stack(norms)})

    def judge(self, brief: Brief, subject: Subject, found: Findings, reference: Findings) -> Outcome:
        """Failing outputs earn the share of layers that agree before the first that does not."""
        ours, theirs = brief.required, subject.network
        worst = self._worst_output(ours, theirs, found, reference)
        if worst <= self.tolerance:
            return Passed(f"the outputs agree to {worst:.1e} of the largest")
        same = _agreeing(found, reference, self.tolerance)
        last = {name for name in ours.outputs.values() if name in (layer.name for layer in ours.layers)}
        reached = [i for i, layer in enumerate(ours.layers) if same[i].any() and layer.name not in last]
        right = _leading_to(ours, reached)
        counted = _that_change(ours, reference)
        done = sum(1 for i in counted if i in right)
        fraction = min(done / len(counted), 1 - 1 / len(counted)) if counted else 0.0
        theirs_right = _leading_to(theirs, [j for j in range(len(theirs.layers)) if same[:, j].any()])
        hint, first = _first_wrong(theirs, theirs_right)
        return Failed(
            f"the reference's outputs, to {self.tolerance:g} of the largest",
            f"outputs that differ by {worst:.2g} of the largest" if np.isfinite(worst) else "other outputs",
            hint,
            fraction,
            direction=f"the outputs differ from `{first}` on" if first else "the outputs differ",
            detail=f"{done} of {len(counted)} layers agree",
        )

    @staticmethod
    def _worst_output(ours: Outline, theirs: Outline, found: Findings, reference: Findings) -> float:
        """The largest difference of any output, relative to the largest value of the reference's."""
        worst = 0.0
        for name, other in (match_outputs(ours, theirs) or {}).items():
            wanted, given = reference.arrays[f"output.{name}"], found.arrays.get(f"output.{other}")
            scale = float(np.abs(wanted).max(initial=0.0))
            if not np.isfinite(scale) or scale == 0:
                what = "zero" if scale == 0 else "not finite"
                raise RunError(
                    f"the reference's output `{name}` is {what} on these inputs", "Another `seed` may help."
                )
            if given is None or given.shape != wanted.shape or given.dtype != wanted.dtype:
                return float("inf")
            difference = float(np.abs(given - wanted).max()) / scale
            worst = max(worst, difference if np.isfinite(difference) else float("inf"))
        return worst


def _agreeing(found: Findings, reference: Findings, tolerance: float) -> Array:
    """Which of the reference's layers (rows) has the values of which of the submission's (columns)."""
    norms, theirs = reference.arrays["norms"], found.arrays["norms"]
    scale = norms.max(axis=1)[:, None]
    products, others = reference.arrays["sketches"], found.arrays["sketches"]
    off = np.abs(products[:, None] - others[None]).max(axis=(2, 3))
    longer = np.abs(norms[:, None] - theirs[None]).max(axis=2)
    close: Array = (np.maximum(off, longer) <= tolerance * scale) & (scale > 0)
    return close


def _leading_to(outline: Outline, reached: list[int]) -> set[int]:
    """The places of these layers and of all that lead to them."""
    places = {layer.name: i for i, layer in enumerate(outline.layers)}
    right = set(reached)
    for i in reversed(range(len(outline.layers))):
        if i in right:
            layer = outline.layers[i]
            before = [outline.maker(name) for name in (*layer.inputs, layer.starts_from)]
            right.update(places[name] for name in before if name in places)
    return right


def _that_change(outline: Outline, findings: Findings) -> list[int]:
    """The places of the layers that change values: `Dropout` and `Flatten` are not among them."""
    places = {layer.name: i for i, layer in enumerate(outline.layers)}
    products = findings.arrays["sketches"]
    return [
        i
        for i, layer in enumerate(outline.layers)
        if len(layer.inputs) != 1
        or layer.inputs[0] not in places
        or not np.array_equal(products[i], products[places[layer.inputs[0]]])
    ]


def _first_wrong(theirs: Outline, right: set[int]) -> tuple[str, str | None]:
    """Where the submission leaves the reference's way, and the name of that layer."""
    wrong = next((layer for i, layer in enumerate(theirs.layers) if i not in right), None)
    if wrong is None:
        return "All of your layers agree, but another layer must come after them.", None
    before = [name for name in wrong.inputs if name not in theirs.inputs]
    worth = "its equations are" if wrong.own else "its type and fields are"
    if not before:
        return f"`{wrong.name}` is the first that differs: {worth} worth a look.", wrong.name
    named = " and ".join(f"`{name}`" for name in before)
    return (
        f"Up to {named} all agree; `{wrong.name}` is the first that differs: "
        f"{worth} worth a look, and whether a layer is missing before it.",
        wrong.name,
    )
