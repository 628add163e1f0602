"""A run's folder: what is in it, how it is read back, and what may change between a run and its resuming."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch
import yaml
from torch import nn

from builder.data.transforms.transform import Range
from builder.elaborate.resolve import to_yaml
from builder.errors import Cause, RunError, SpecErrors, WeightsError
from builder.files.run_folder import ENVIRONMENT, METRICS, ONNX, SPEC, SUMMARY, WEIGHTS, spec_of_run
from builder.load import loads
from builder.runtime.data.preprocessing import Preprocessing
from builder.runtime.network.module import Network, build, build_networks
from builder.runtime.runs.files import load_weights, write_atomically, write_json, write_tensors
from builder.spec.spec import ModelSpec

RANGE: Final = "range"  # the key in the metadata of a GAN's weights

Figures = dict[str, float | None]  # an epoch's line of metrics.jsonl


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A trained network and what its folder holds.

    ``module`` is in ``eval`` mode, with the run's weights. ``metrics`` has one dict per epoch, as in
    ``metrics.jsonl``; ``summary`` says how it ended, and how good the weights are on the test part.

    Of a GAN ``module`` is the generator, averaged if the spec has an ``ema``; ``players`` are all its networks
    by name, that generator among them, and ``bounds`` the declared range of its data's source, if it has one.
    """

    folder: Path
    spec: ModelSpec
    module: Network
    preprocessing: Preprocessing
    metrics: tuple[Figures, ...]
    summary: dict[str, Any]
    players: dict[str, Network] = field(default_factory=dict)
    bounds: Range | None = None

    @property
    def weights(self) -> Path:
        """The weights file."""
        return self.folder / WEIGHTS

    @property
    def onnx(self) -> Path:
        """The ONNX file; not there if the network could not be exported."""
        return self.folder / ONNX


def load_run(folder: Path | str) -> Run:
    """Reads a run's folder back, the network on the CPU in ``eval`` mode.

    If the data that the spec names is not there any more, the run is loaded without its ``data`` and
    ``train``: it predicts, but cannot be evaluated. Raises ``WeightsError`` for weights that do not fit the
    spec, and ``RunError`` for a folder that is no finished run.
    """
    folder = Path(folder)
    spec = _read_spec(folder)
    if not (folder / WEIGHTS).exists():
        raise RunError(f"`{folder}` has no `{WEIGHTS}`: the run is not finished.", "Go on with `--resume`.")
    several = spec.adversarial is not None
    built: nn.Module = build_networks(spec) if several else build(spec)
    metadata = load_weights(built, folder / WEIGHTS, spec.graph.state)
    built.eval()
    players = (
        {name: module for name, module in built.named_children() if isinstance(module, Network)}
        if several
        else {}
    )
    module = players[spec.adversarial.generator] if spec.adversarial is not None else built
    assert isinstance(module, Network)
    if "preprocessing" not in metadata:
        raise WeightsError(
            f"`{WEIGHTS}` does not say in its metadata what its preprocessing found.",
            "Use the file that the run wrote: others drop the metadata.",
        )
    preprocessing = Preprocessing.from_json(metadata["preprocessing"])
    try:
        lines = (folder / METRICS).read_text(encoding="utf-8").splitlines()
        metrics = tuple(json.loads(line) for line in lines)
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        if not isinstance(summary, dict) or not all(isinstance(line, dict) for line in metrics):
            raise ValueError(f"`{SUMMARY}` or `{METRICS}` is not what `train` writes")
    except (OSError, ValueError) as error:
        raise RunError(f"`{folder}` is no finished run: {error}.", "Go on with `--resume`.") from None
    return Run(folder, spec, module, preprocessing, metrics, summary, players, _bounds(metadata))


def save_weights(
    network: nn.Module, path: Path, preprocessing: Preprocessing | None = None, bounds: Range | None = None
) -> None:
    """Writes exactly the keys of ``state_dict()``; the metadata says what preprocessing found.

    ``bounds`` is the range of the data's source, which samples of a GAN are held in.
    """
    said = {} if bounds is None else {RANGE: json.dumps(bounds)}
    write_tensors(path, network.state_dict(), metadata_of(preprocessing) | said)


def _bounds(metadata: dict[str, str]) -> Range | None:
    """The range in a weights file's metadata. Raises ``WeightsError`` for anything else there."""
    if RANGE not in metadata:
        return None
    try:
        low, high = (float(bound) for bound in json.loads(metadata[RANGE]))
        if not low < high:
            raise ValueError(low, high)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise WeightsError("the range in the metadata is not what `train` writes") from None
    return low, high


def metadata_of(preprocessing: Preprocessing | None) -> dict[str, str]:
    """What weights and ONNX files say of themselves: ``gradspec``, ``preprocessing``, ``classes``."""
    said = {"gradspec": version("gradspec")}
    if preprocessing is not None:
        said["preprocessing"] = preprocessing.to_json()
        said["classes"] = json.dumps(preprocessing.classes)
    return said


def refuse_gan(run: Run, hint: str) -> None:
    """Raises ``RunError`` for the run of a GAN, where a network is asked about examples."""
    if run.spec.adversarial is not None:
        raise RunError(
            f"`{run.folder}` is the run of a GAN: its generator takes noise, and says nothing of examples.",
            hint,
        )


def check_folder(out: Path, spec: ModelSpec, resume: bool) -> None:
    """Checks that a new run can be written to ``out``, or that it holds the same run, to be resumed.

    ``train.epochs`` may have changed, nothing else. Raises ``RunError`` otherwise, for a folder that is not
    empty, for nothing to resume, and for a spec there that cannot be read.
    """
    if not resume:
        if out.exists() and not out.is_dir():
            raise RunError(f"`{out}` is a file, and a run is a folder.", "Choose another place.")
        if out.exists() and any(out.iterdir()):
            raise RunError(
                f"`{out}` is not empty.", "Choose another folder, or go on with the run there: `--resume`."
            )
        return
    try:
        text = (out / SPEC).read_text(encoding="utf-8")
    except OSError:
        raise RunError(
            f"There is no run to resume in `{out}`.", "Leave `--resume` out to start one."
        ) from None
    except ValueError:  # no UTF-8
        text = ""
    try:
        before = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):  # a date like 2026-13-01 is a ValueError
        before = None
    if not isinstance(before, dict):
        raise RunError(
            f"The spec of the run in `{out}` cannot be read: `{SPEC}` is not what `train` wrote.",
            "Start a new run in another folder.",
        )
    changed = [path for path in _differences(before, _plain(spec)) if path != "train.epochs"]
    if changed:
        listed = ", ".join(f"`{path}`" for path in changed[:5])
        raise RunError(
            f"The run in `{out}` was started with another spec: {listed} changed.",
            "Only `train.epochs` may change on resuming; start a new run in another folder.",
        )


def open_folder(out: Path, spec: ModelSpec) -> None:
    """Makes the folder of a new run. Raises as ``check_folder`` does; ``OSError`` if it cannot be made."""
    check_folder(out, spec, resume=False)
    out.mkdir(parents=True, exist_ok=True)
    write_spec(out, spec)


def epochs_before(out: Path) -> int:
    """``train.epochs`` of the run in ``out`` when it was last started."""
    return int(yaml.safe_load((out / SPEC).read_text(encoding="utf-8"))["train"]["epochs"])


def write_spec(out: Path, spec: ModelSpec) -> None:
    """Writes the resolved spec, every default filled in."""
    text = to_yaml(spec.resolved())
    write_atomically(out / SPEC, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_environment(out: Path, spec: ModelSpec, device: torch.device) -> None:
    """Writes what the run ran on, and where its spec's paths start, seen from the run's folder."""
    write_json(
        out / ENVIRONMENT,
        {
            "gradspec": version("gradspec"),
            "python": platform.python_version(),
            "torch": torch.__version__,
            **{name: version(name) for name in ("numpy", "onnx", "safetensors")},
            "platform": platform.platform(),
            "machine": platform.machine(),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            "threads": torch.get_num_threads(),
            "paths_from": os.path.relpath(spec.folder, out),
        },
    )


def write_metrics(out: Path, history: list[Figures]) -> None:
    """Writes ``metrics.jsonl``, one line per epoch; a figure that is no number is ``null``."""
    text = "".join(json.dumps(figures) + "\n" for figures in history)
    write_atomically(out / METRICS, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _read_spec(folder: Path) -> ModelSpec:
    try:
        text, start = spec_of_run(folder)
    except Cause as cause:
        raise RunError(f"`{folder}` is no run's folder: {cause.problem}.") from None
    try:
        return loads(text, str(folder / SPEC), start)
    except SpecErrors as errors:
        try:
            bare = {k: v for k, v in yaml.safe_load(text).items() if k not in ("data", "train")}
            return loads(to_yaml(bare), str(folder / SPEC), folder)
        except (SpecErrors, yaml.YAMLError, AttributeError, RecursionError):  # no mapping, or not YAML at all
            raise RunError(f"The spec of the run cannot be read: {errors.errors[0]}") from None


def _plain(spec: ModelSpec) -> Any:
    """The resolved spec as it comes back from its file."""
    return yaml.safe_load(to_yaml(spec.resolved()))


def _differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """The paths of all values that differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            inner = f"{path}.{key}" if path else str(key)
            if key in before and key in after:
                yield from _differences(before[key], after[key], inner)
            else:
                yield inner
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{path}[{index}]")
    elif before != after:
        yield path
