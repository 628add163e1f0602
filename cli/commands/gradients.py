"""The command `gradients`: how much of a gradient reaches back through time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.options import AsJson, folder_to_write
from cli.view import render
from cli.view.answers import answers
from cli.view.written import wrote

if TYPE_CHECKING:
    from builder.runtime.insight.gradient_flow import GradientFlow, Question
    from builder.runtime.network.module import Network
    from builder.spec.spec import ModelSpec

ORDER: Final = 110
LAGS: Final = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
BARS: Final = "▁▂▃▄▅▆▇█"
NO_NUMBER: Final = "×"  # infinite or NaN, where a norm would stand
NORMS_FILE: Final = "gradients.png"
GATES_FILE: Final = "gates.png"


def gradients(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", exists=True, help="A folder that `train` wrote, or a model spec.")
    ],
    layer: Annotated[
        str | None,
        typer.Option("--layer", metavar="NAME", help="A recurrent layer; the last, if none is named."),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="NAME", help="A state or gate; an LSTM's c, if none is named."),
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(
            "--length", metavar="T", min=2, max=10_000, help="Random sequences of T steps, not data."
        ),
    ] = None,
    at: Annotated[
        str, typer.Option("--at", metavar="WHEN", help="start: with the first weights; trained.")
    ] = "trained",
    reverse: Annotated[
        bool, typer.Option("--reverse", help="The direction that reads back to front.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", callback=lambda d: d and folder_to_write(d), help="Plots go here."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print how much of a gradient reaches every step of a sequence, back from its end.

    The loss is the run's own on its data. With `--length`, and where there is no data, it is Σ v·output at
    the end of random sequences: what reaches a step then came through time. `--out` plots the norms and, over
    one sequence, every gate. Of several layers in one (`num_layers`) the last is looked at.

    \b
        gradspec gradients run --state c
        gradspec gradients run --at start --length 200 --out plots
        gradspec gradients model.yaml --layer memory
    """
    if at not in ("start", "trained"):
        raise typer.BadParameter(f"`--at` is `start` or `trained`, not {at!r}")
    with answers(as_json):
        from builder.runtime.insight.gradient_flow import follow

        network, question, trained = _asked(run, at, length)
        flow = follow(network, question, layer, state, reverse=reverse)
        written = _plotted(flow, out) if out is not None else []
    if as_json:
        render.show_json({"errors": [], "advice": [], **flow_data(flow, trained)})
        return
    render.show([*flow_lines(flow, trained), *map(wrote, written)])


def flow_lines(flow: GradientFlow, trained: bool) -> list[render.Line]:
    """A heading, the whole course as a line of bars, and the norms at some steps."""
    from builder.cells.shown.typeset import value

    norms = [float(norm) for norm in flow.norms]
    cell = flow.seen.cell.name
    when = "after training" if trained else "with its first weights"
    shown: list[render.Line] = [
        (("title", flow.layer), ("dim", f"  {cell}, {value(flow.state)}, {when}")),
        *render.wrapped(f"loss: {flow.loss}", "  ", "dim"),
        (),
        (("", f"  {bars(norms, render.width() - 4)}"),),
        (("dim", f"  from the first step to the last{_span(norms)}"),),
        (),
    ]
    lags = [lag for lag in LAGS if lag < len(norms) - 1] + [len(norms) - 1]
    rows = [(f"{lag}", _shown(norms[-1 - lag]), _shown(flow.share(lag))) for lag in lags]
    head = ("  steps before the last", f"‖∂loss/∂{value(flow.state)}‖", "of the last")
    shown += render.table(head, rows, right="rrr")
    numbers = all(map(math.isfinite, norms))
    verdict = _verdict(_per_step(norms), lags[-1]) if numbers else _astray(flow)
    shown += [(), *render.wrapped(verdict, "")]
    return shown


def _per_step(norms: Sequence[float]) -> float:
    """By what a step back multiplies the gradient, in the geometric mean. By logarithms: no quotient overflows."""
    first, last = norms[0], norms[-1]
    return math.exp((math.log(first) - math.log(last)) / (len(norms) - 1)) if first and last else 0.0


def _shown(norm: float) -> str:
    return f"{norm:.1e}" if math.isfinite(norm) else NO_NUMBER


def _span(norms: Sequence[float]) -> str:
    """The least and the largest of what are numbers."""
    known = [norm for norm in norms if math.isfinite(norm)]
    numbers = f", {min(known):.0e} to {max(known):.0e}, logarithmic" if known else ""
    return numbers + (f"; {NO_NUMBER} is infinite or NaN" if len(known) < len(norms) else "")


def _astray(flow: GradientFlow) -> str:
    """What to say of a gradient that is no number somewhere: where, and whether the cell itself is."""
    lost = [step for step, norm in enumerate(flow.norms, 1) if not math.isfinite(norm)]
    where = f"from {lost[0]} to {lost[-1]}" if len(lost) > 1 else f"step {lost[0]}"
    told = f"At {len(lost)} of {len(flow.norms)} steps, {where}, the gradient is infinite or NaN."
    if flow.overflows is None:
        return f"{told} What the cell computes stays finite: it is on the way back that it grows too large."
    return f"{told} From step {flow.overflows} on the cell itself computes what is infinite or NaN."


def _verdict(per_step: float, steps: int) -> str:
    if per_step == 0:
        return f"Nothing reaches {steps} steps back."
    if per_step > 1:
        by = f"{per_step:.3f}" if per_step < 1000 else f"{per_step:.1e}"
        return f"On average a step back multiplies the gradient by {by}: it grows."
    return f"On average a step back leaves {per_step:.3f} of the gradient."


def bars(norms: Sequence[float], room: int) -> str:
    """The course of some norms as bars on a logarithmic scale, at most ``room`` of them.

    A blank is zero, × what is infinite or NaN.

    >>> bars([math.nan, 0.0, 1e-8, 1e-4, 1.0], 80)
    '× ▁▅█'
    """
    if len(norms) > room:
        norms = [norms[i * (len(norms) - 1) // (room - 1)] for i in range(room)]
    known = [math.log10(norm) for norm in norms if 0 < norm < math.inf]
    low, high = min(known, default=0.0), max(known, default=0.0)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0

    def bar(norm: float) -> str:
        if not math.isfinite(norm):
            return NO_NUMBER
        return BARS[round((math.log10(norm) - low) * scale)] if norm > 0 else " "

    return "".join(map(bar, norms))


def flow_data(flow: GradientFlow, trained: bool) -> dict[str, Any]:
    """All of it as data: what `--json` writes. A norm that is infinite or NaN is null."""
    return {
        "layer": flow.layer,
        "cell": flow.seen.cell.name,
        "state": flow.state,
        "reverse": flow.reverse,
        "at": "trained" if trained else "start",
        "loss": flow.loss,
        "norms": [float(norm) if math.isfinite(norm) else None for norm in flow.norms],
    }


def _asked(path: Path, at: str, length: int | None) -> tuple[Network, Question, bool]:
    """The network of a run or a spec, what is asked of it, and whether it was trained."""
    from builder import load
    from builder.runtime import build, load_run
    from builder.runtime.insight.gradient_flow import own_question, random_question
    from builder.runtime.runs.run import refuse_gan

    if path.is_file():
        spec = load(path)
        _refuse_several(path, spec)
        network = build(spec)
        return network, random_question(network, spec, length), False
    run = load_run(path)
    refuse_gan(run, "Write the recurrent network into a spec of its own, without `networks`.")
    network = run.module if at == "trained" else build(run.spec)
    if length is None and run.spec.data is not None:
        question = own_question(network, run.spec, run.preprocessing)
    else:
        question = random_question(network, run.spec, length)
    return network, question, at == "trained"


def _refuse_several(path: Path, spec: ModelSpec) -> None:
    from builder.errors import RunError

    if spec.networks:
        raise RunError(
            f"`{path}` is of several networks, and a gradient is followed back through one.",
            "Write the recurrent network into a spec of its own, without `networks`.",
        )


def _plotted(flow: GradientFlow, out: Path) -> list[Path]:
    from cli.view.plots import plot_gates, plot_norms

    out.mkdir(parents=True, exist_ok=True)
    plot_norms(flow, out / NORMS_FILE)
    plot_gates(flow.seen, out / GATES_FILE)
    return [out / NORMS_FILE, out / GATES_FILE]
