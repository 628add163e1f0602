"""Cells written as equations beside `nn.LSTM`, `nn.GRU` and `nn.RNN`, and beside a plain autograd loop.

    python bench/cells.py [--rounds 5] [--cells PeepholeLSTM MGU] [--device cpu]

Batch 64, 64 inputs, 128 hidden, one layer; 100 steps, linear cells 512 and 1024. `per multiply-add` is the ratio to
`nn.LSTM` divided by that of the matrices' multiply-adds. `compiled` is the cell with `compile: true`. A first call
is one forward and backward pass of a cell that nothing has run yet, beside the next one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import torch
from timing import interleaved, report
from torch import Tensor, nn

from builder.cells.cell import Cell
from builder.cells.plan.program import compile_cell
from builder.cells.reader import read_cells
from builder.errors import Report
from builder.language.nodes import Mapping
from builder.language.source import read_file, read_text
from builder.runtime.cells.compiled import c_compiler
from builder.runtime.cells.compiled.compiled_loop import compiled_loop
from builder.runtime.cells.module import CellModule

BATCH, INPUT, HIDDEN = 64, 64, 128
EQUAL = {"VanillaLSTM": nn.LSTM, "ElmanRNN": nn.RNN}
MATRIX = ("PeepholeLSTM", "CoupledLSTM", "ChoGRU", "MGU")
LINEAR = ("QRNN", "MinGRU")
SHORT, LONG = 50, 1000

Layer = Callable[[Tensor], Tensor]

# torch.nn.GRU's equations: the reset gate acts after `U`, which has a bias of its own.
GRU = """
cells:
  TorchGRU:
    states: [h]
    gates:
      r: sigmoid(W @ x + U @ h_prev + b)
      z: sigmoid(W @ x + U @ h_prev + b)
      n: tanh(W @ x + b + r * (U @ h_prev + b_h))
    update:
      h: (1 - z) * n + z * h_prev
"""


def library() -> dict[str, Cell]:
    """The shipped cells, and `nn.GRU` as one."""
    found: dict[str, Cell] = {}
    shipped = read_file(Path(str(files("specs") / "library" / "cells.yaml")))
    for source in (shipped, read_text(GRU)):
        assert isinstance(source.root, Mapping)
        cells = read_cells(source.root.get("cells"), Report())
        found |= {name: cell for name, cell in cells.items() if cell is not None}
    return found


def torchs(layer: type[nn.RNNBase], device: torch.device) -> tuple[nn.Module, Layer]:
    """A layer of torch and how it is called for its outputs."""
    made = layer(INPUT, HIDDEN, batch_first=True, device=device)
    return made, lambda x: made(x)[0]  # type: ignore[no-any-return]


def ours(cell: Cell, device: torch.device, **options: object) -> tuple[nn.Module, Layer]:
    """A cell as a layer."""
    made = CellModule(cell, INPUT, HIDDEN, **options).to(device)  # type: ignore[arg-type]
    return made, made


def timed(module: nn.Module, layer: Layer, x: Tensor, backward: bool) -> Callable[[], object]:
    """One call, with or without its backward pass."""

    def run() -> None:
        if backward:
            module.zero_grad()
            layer(x).sum().backward()
        else:
            with torch.no_grad():
                layer(x)
        if x.is_cuda:
            torch.cuda.synchronize()

    return run


def compare(
    title: str,
    layers: dict[str, tuple[nn.Module, Layer]],
    steps: int,
    rounds: int,
    device: torch.device,
    share: float | None = None,
) -> None:
    """Layers beside each other, forward and forward with backward; the first is what the others are held to."""
    x = torch.randn(BATCH, steps, INPUT, device=device)
    against = next(iter(layers))
    for backward in (False, True):
        contenders = {name: timed(*layer, x, backward) for name, layer in layers.items()}
        found = interleaved(contenders, rounds, warm=3)
        what = "forward and backward" if backward else "forward"
        report(f"{title}, {what}, {steps} steps", found, against)
        base = found[against]
        for name in ("ours", "compiled"):
            if name not in found:
                continue
            if share:
                ratio = _ratio(found[name], base)
                print(f"    {name}: × {ratio / share:.2f} per multiply-add")
            if "a plain loop" in found:
                print(
                    f"    {name}: {_ratio(found['a plain loop'], found[name]):.1f} × as fast as a plain loop"
                )


def _ratio(seconds: list[float], base: list[float]) -> float:
    """The median over the rounds."""
    return statistics.median(a / b for a, b in zip(seconds, base, strict=True))


def first_calls(name: str, device: torch.device, rounds: int, **options: object) -> None:
    """What a first call takes beyond the next one, for few steps and for many: medians of new cells."""
    print(f"\n{name}, first call{''.join(f', {one}' for one in options)}")
    for steps in (SHORT, LONG):
        x = torch.randn(BATCH, steps, INPUT, device=device)
        firsts, extras = [], []
        for _ in range(rounds):
            compiled_loop.cache_clear()
            c_compiler._library.cache_clear()
            started = time.perf_counter()
            run = timed(*ours(library()[name], device, **options), x, True)
            run()
            firsts.append(time.perf_counter() - started)
            started = time.perf_counter()
            run()
            extras.append(firsts[-1] - (time.perf_counter() - started))
        first, extra = statistics.median(firsts), statistics.median(extras)
        print(f"  {steps:>5} steps  {first * 1e3:10.2f} ms, of which only once {extra * 1e3:.2f} ms")


def main() -> None:
    """Runs the comparisons and prints them."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--cells", nargs="*", default=[*EQUAL, "TorchGRU", *MATRIX, *LINEAR])
    options.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    asked = options.parse_args()
    torch.manual_seed(0)
    device, rounds, cells = torch.device(asked.device), asked.rounds, library()
    print(f"{device}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name in asked.cells:
        cell = cells[name]
        if name in EQUAL or name == "TorchGRU":
            theirs = EQUAL.get(name, nn.GRU)
            layers = {f"nn.{theirs.__name__}": torchs(theirs, device), "ours": ours(cell, device)}
            compare(f"{name}, recognised", layers, 100, 3 * rounds, device)
            continue
        linear = compile_cell(cell).recurrence == "linear"
        layers = {"nn.LSTM": torchs(nn.LSTM, device), "ours": ours(cell, device)}
        if not linear:
            layers["compiled"] = ours(cell, device, compile=True)
            layers["a plain loop"] = ours(cell, device, way="plain")
        share = None if linear else cell.multiply_adds(INPUT, HIDDEN) / (4 * HIDDEN * (INPUT + HIDDEN))
        for steps in (512, 1024) if linear else (100,):
            compare(name, layers, steps, rounds, device, share)
    for name in ("PeepholeLSTM", "MinGRU"):
        first_calls(name, device, rounds)
    first_calls("PeepholeLSTM", device, rounds, compile=True)


if __name__ == "__main__":
    main()
