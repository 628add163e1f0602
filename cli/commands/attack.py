"""The command `attack`: how much of a trained network's accuracy is left when its examples are attacked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.options import LARGEST_SEED, AsJson, RunFolder, folder_to_write
from cli.view import progress, render
from cli.view.answers import answers
from cli.view.written import wrote

if TYPE_CHECKING:
    from builder.language.nodes import Mapping
    from builder.robustness.attacks.attack import Attack
    from builder.runtime.attacks.results import Curve, Nearest, Robustness
    from builder.spec.spec import ModelSpec

ORDER: Final = 120
DISTANCES: Final = {  # where nobody says any: what is usual on digits
    "Linf": (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3),
    "L2": (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0),
}
CURVES_FILE: Final = "accuracy.png"
EXAMPLES_FILE: Final = "examples.png"
MOST_DISTANCES: Final = 100


def _distances(text: str | None) -> tuple[float, ...] | None:
    """``0,0.05,8/255`` as numbers, in order and without repetition. Raises ``typer.BadParameter``."""
    if text is None:
        return None
    values = []
    for word in text.split(","):
        number, slash, below = word.partition("/")
        try:
            value = float(number) / float(below) if slash else float(number)
        except (ValueError, ZeroDivisionError):
            raise typer.BadParameter(f"{word.strip() or 'nothing'!r} is no number.") from None
        if not (math.isfinite(value) and value >= 0):
            raise typer.BadParameter(f"{word.strip()} is no distance.")
        values.append(value)
    if len(values) > MOST_DISTANCES:
        raise typer.BadParameter(f"At most {MOST_DISTANCES} distances, found {len(values)}.")
    return tuple(sorted(set(values)))


def attack(
    run: RunFolder,
    attacks: Annotated[
        list[str] | None,
        typer.Option(
            "--attack",
            metavar="ATTACK",
            help="A name of the spec's `attacks`, or an attack as in YAML; may be repeated.",
        ),
    ] = None,
    eps: Annotated[
        str | None,
        typer.Option("--eps", metavar="LIST", help="Distances, as 0,0.1,0.2 or 0,4/255,8/255."),
    ] = None,
    norm: Annotated[
        str | None, typer.Option("--norm", metavar="NORM", help="Linf or L2, for all attacks.")
    ] = None,
    examples: Annotated[
        int, typer.Option("--examples", min=1, max=1_000_000, help="How many examples to attack at most.")
    ] = 1000,
    split: Annotated[
        str, typer.Option("--split", metavar="PART", help="train, validation or test.")
    ] = "test",
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Of the examples and the random starts.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", callback=lambda d: d and folder_to_write(d), help="Pictures go here."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the accuracy that is left of a run when its examples are attacked, at each distance.

    Distances are in units of the source's range scaled to [0, 1]: 8/255 is eight grey levels, whatever
    `preprocess` does. Without `--attack` all `attacks` of the run's spec are used, or FGSM and PGD. Attacks that
    look for the nearest adversarial example (DeepFool, CW) say how far it is. What makes the figures doubtful
    is told. `--out` draws the curves, and some attacked examples.

    \b
        gradspec attack run
        gradspec attack run --attack PGD --eps 0,0.1,0.2,0.3 --out attacked
        gradspec attack run --attack "{PGD: {eps: 0.2, steps: 99}}" --norm L2
    """
    distances = _distances(eps)
    if norm not in (None, *DISTANCES):
        raise typer.BadParameter(f"`--norm` is {' or '.join(DISTANCES)}, not {norm!r}")
    with answers(as_json):
        from builder.runtime import load_run
        from builder.runtime.attacks.under_attack import attack_run

        loaded = load_run(run)
        chosen, own = _chosen(loaded.spec, attacks, norm, distances)
        nearest = [name for name, one in chosen.items() if one.minimal]
        if distances is not None and len(nearest) == len(chosen):
            raise typer.BadParameter(
                f"`--eps` bounds no attack that is asked for: {_no_eps(nearest)}. Leave it out."
            )
        if distances is None and not own:
            distances = DISTANCES[norm or "Linf"]
        with progress.attacking(quiet=as_json) as watch:
            robustness = attack_run(
                loaded, chosen, distances, part=split, examples=examples, seed=seed, watch=watch
            )
        written = _drawn(robustness, loaded.preprocessing.classes, out) if out is not None else []
    if as_json:
        render.show_json({"errors": [], "advice": [], **robustness_data(robustness)})
        return
    note = render.wrapped(f"`--eps` is for the others: {_no_eps(nearest)}.") if eps and nearest else []
    render.show([*robustness_lines(robustness), *note, *map(wrote, written)])


def _no_eps(nearest: Sequence[str]) -> str:
    single = len(nearest) == 1
    return f"{' and '.join(nearest)} {'looks' if single else 'look'} for the nearest error, however far it is"


def _chosen(
    spec: ModelSpec, said: Sequence[str] | None, norm: str | None, distances: Sequence[float] | None
) -> tuple[dict[str, Attack], bool]:
    """The attacks that are meant, by their names, and whether it was said of any how far it goes.

    Raises ``SpecErrors`` for what is no attack, ``RunError`` for one that cannot have the norm.
    """
    if not said and spec.attacks:
        chosen, bounded = dict(spec.attacks), True
    else:
        bounded = False
        chosen = {}
        for text in said or ("FGSM", "PGD"):
            name, attack, has_eps = _attack(spec, text, norm or "Linf", distances)
            chosen[name if name not in chosen else f"{name} {len(chosen) + 1}"] = attack
            bounded = bounded or has_eps
    if norm is None:
        return chosen, bounded
    same = any(
        attack.norm == norm for attack in chosen.values()
    )  # only then does a distance still mean what it meant
    return {
        name: _in_norm(name, attack, norm, distances) for name, attack in chosen.items()
    }, bounded and same


def _attack(
    spec: ModelSpec, text: str, norm: str, distances: Sequence[float] | None
) -> tuple[str, Attack, bool]:
    """An attack's name, the attack, and whether its own distance was given.

    ``text`` is a name in the spec, a type alone, or an attack as in YAML. Raises ``SpecErrors`` for YAML that is
    no attack, ``RunError`` for a name that there is not.
    """
    from builder.errors import Report, RunError, did_you_mean
    from builder.language.nodes import Mapping, Node, Scalar
    from builder.language.source import read_text
    from builder.reader import Reader
    from builder.robustness.attacks.attack import attacks

    if text in spec.attacks:
        return text, spec.attacks[text], True
    document = read_text(text, "--attack")
    root, has_eps = document.root, True
    if isinstance(root, Scalar) and root.value in attacks:
        name, place = str(root.value), root.place
        if not attacks[name].minimal:
            eps = max(distances or DISTANCES[norm])
            fields: dict[str | int, Node] = {
                "eps": Scalar(eps, str(eps), False, place),
                "norm": Scalar(norm, norm, False, place),
            }
            root = Mapping({name: Mapping(fields, dict.fromkeys(fields, place), place)}, {name: place}, place)
            has_eps = False
    elif isinstance(root, Mapping):
        root = _of_norm(root, norm)
    elif isinstance(root, Scalar) and isinstance(root.value, str):
        problem = f"`{text}` is no attack, and none that the spec of the run names"
        raise RunError(problem, did_you_mean(text, dict.fromkeys([*spec.attacks, *attacks])))
    report = Report()
    component = Reader(report, {}).choice(attacks, root)
    report.raise_errors()
    if component is None:
        raise RunError(f"`{text}` has a place that is not filled")
    return type(component).__name__, component, has_eps


def _of_norm(said: Mapping, norm: str) -> Mapping:
    """``{PGD: {eps: 2}}`` where `--norm` stands beside it: its distance is of that norm, unless it names one."""
    from builder.language.nodes import Mapping, Scalar
    from builder.robustness.attacks.attack import attacks

    name, fields = next(iter(said.entries.items()), ("", None))
    if len(said.entries) > 1 or name not in attacks or attacks[str(name)].minimal:
        return said
    if not isinstance(fields, Mapping) or "norm" in fields.entries:
        return said
    entries = {**fields.entries, "norm": Scalar(norm, norm, False, fields.place)}
    whole = Mapping(entries, {**fields.keys, "norm": fields.place}, fields.place)
    return Mapping({name: whole}, said.keys, said.place)


def _in_norm(name: str, attack: Attack, norm: str, distances: Sequence[float] | None) -> Attack:
    """The attack in this norm; if that was another, at the distances that are usual in this one."""
    from pydantic import ValidationError

    from builder.errors import Cause, RunError

    fields: dict[str, Any] = {field: getattr(attack, field) for field in type(attack).model_fields}
    if attack.norm != norm:  # what was said of the other norm means nothing in this one
        fields |= {"norm": norm, "eps": None if attack.minimal else max(DISTANCES[norm])}
        if "alpha" in fields:
            fields["alpha"] = None
    if distances is not None and not attack.minimal:
        fields["eps"] = max(distances)
    try:
        return type(attack).model_validate(fields)
    except Cause as cause:
        raise RunError(f"`{name}` cannot be asked for {norm}: {cause.problem}", cause.hint) from None
    except ValidationError:
        kind = type(attack).__name__
        called = f"`{name}`" if name == kind else f"`{name}` ({kind})"
        raise RunError(f"{called} has no norm {norm}") from None


def robustness_lines(found: Robustness) -> list[render.Line]:
    """What was right without an attack, accuracy by distance, how far the nearest errors are, and doubts."""
    shown: list[render.Line] = [
        (
            ("title", f"{found.examples:,} examples of the {found.part} part"),
            ("dim", f"  {_percent(found.clean)} right without an attack"),
        ),
        (),
    ]
    if found.curves:
        shown += _curve_lines(found)
    if found.nearest:
        rows = [
            (name, one.attack.norm, _percent(_fooled(one)), f"{one.median:.3f}")
            for name, one in found.nearest.items()
        ]
        shown += [() for _ in found.curves if len(shown) > 2][:1]
        shown += render.table(("attack", "norm", "fooled", "median distance"), rows, right="llrr")
    for doubt in found.doubts:
        first, *rest = render.wrapped(f"Doubtful: {doubt.told}")
        shown += [(), (("advice", first[1][1]),), *rest]
    return shown


def _curve_lines(found: Robustness) -> Iterator[render.Line]:
    """One row for each distance, one column for each attack, and one for all of them together."""
    curves = dict(found.curves) | ({"all": found.worst} if found.worst is not None else {})
    norms = {curve.attack.norm for curve in found.curves.values()}
    left = {name: dict(zip(curve.eps, curve.accuracy, strict=True)) for name, curve in curves.items()}
    rows = [
        (f"{eps:.4g}", *(_percent(one[eps]) if eps in one else "" for one in left.values()))
        for eps in sorted({eps for curve in curves.values() for eps in curve.eps})
    ]
    alone = len(norms) == 1
    heads = [name if alone or name == "all" else f"{name} {curves[name].attack.norm}" for name in curves]
    head = (f"eps ({norms.pop()})" if alone else "eps", *heads)
    yield from render.table(head, rows, right="r" * len(head))


def _fooled(nearest: Nearest) -> float:
    return len(nearest.distances) / nearest.tried if nearest.tried else 0.0


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def robustness_data(found: Robustness) -> dict[str, Any]:
    """All of it as data: what `--json` writes. A median that is infinite is null."""
    from builder.component import to_plain

    def curve(result: Curve) -> dict[str, Any]:
        return {"eps": list(result.eps), "accuracy": list(result.accuracy)}

    return {
        "part": found.part,
        "examples": found.examples,
        "clean": found.clean,
        "curves": {
            name: {"attack": to_plain(result.attack), **curve(result)}
            for name, result in found.curves.items()
        },
        "all": curve(found.worst) if found.worst is not None else None,
        "nearest": {
            name: {
                "attack": to_plain(result.attack),
                "tried": result.tried,
                "fooled": len(result.distances),
                "median": result.median if math.isfinite(result.median) else None,
            }
            for name, result in found.nearest.items()
        },
        "doubts": [{"name": doubt.name, "told": doubt.told} for doubt in found.doubts],
    }


def _drawn(found: Robustness, classes: Sequence[str], out: Path) -> list[Path]:
    from cli.view.attack_plots import plot_curves, plot_examples

    out.mkdir(parents=True, exist_ok=True)
    written = []
    if found.curves:
        plot_curves(found, out / CURVES_FILE)
        written.append(out / CURVES_FILE)
    else:
        (out / CURVES_FILE).unlink(missing_ok=True)  # of an earlier attack
    if found.pictures is not None:
        plot_examples(found.pictures, classes, out / EXAMPLES_FILE)
        written.append(out / EXAMPLES_FILE)
    else:
        (out / EXAMPLES_FILE).unlink(missing_ok=True)
    return written
