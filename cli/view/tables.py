"""The class table: who reached what, from the data of `results.json`."""

from __future__ import annotations

from typing import Any, Final

from cli.view import render

MARKS: Final = {"blocked": "·", "broken": "!"}
NAME_WIDTH: Final = 12
_SHORT: Final = 4


def class_lines(results: dict[str, Any]) -> list[render.Line]:
    """One line per submission with its points per check, how many passed each, and what the marks mean.

    Takes what `results.json` holds. Headings are cut where the table would not fit, and explained below it.
    """
    submissions = results["submissions"]
    if not submissions:
        return [(("advice", "There is no submission."),)]
    names = [check["check"] for check in submissions[0]["checks"]]
    rows = [
        (one["id"], _points(one["points"], one["of"]), *(_cell(check) for check in one["checks"]))
        for one in submissions
    ]
    passed = [
        f"{sum(one['checks'][i]['outcome'] == 'passed' for one in submissions)}/{len(submissions)}"
        for i in range(len(names))
    ]
    head = ("submission", "points", *names)
    foot = ("passed", "", *passed)
    wide = sum(max(render.columns(row[i]) for row in (head, foot, *rows)) + 2 for i in range(len(head)))
    shown: list[render.Line] = []
    legend: list[str] = []
    if wide > render.width():
        head = ("submission", "points", *(name[:_SHORT] for name in names))
        legend = [f"{name[:_SHORT]} {name}" for name in names if len(name) > _SHORT]
    shown += render.table(head, rows, right="l" + "r" * (len(head) - 1), foot=foot)
    outcomes = {check["outcome"] for one in submissions for check in one["checks"]}
    legend += [f"{mark} {outcome}" for outcome, mark in MARKS.items() if outcome in outcomes]
    if legend:
        shown += [(("dim", line[1][1]),) for line in render.wrapped("; ".join(legend))]
    shown += _notable(names, submissions)
    return shown


def check_lines(checks: list[dict[str, Any]]) -> list[render.Line]:
    """Every check of one submission: its outcome and, where it did not pass, what was expected and found."""
    shown: list[render.Line] = []
    for check in checks:
        style = {"passed": "good", "failed": "error", "broken": "advice"}.get(check["outcome"], "dim")
        points = _points(check["points"], check["of"])
        shown.append(((style, f"{check['outcome']:<8}"), ("", f"  {check['check']}"), ("dim", f"  {points}")))
        for label in ("expected", "found", "hint"):
            if check.get(label):
                style = "hint" if label == "hint" else ""
                shown += render.wrapped(f"{label}: {check[label]}", " " * 10, style)
    return shown


def why_lines(results: dict[str, Any]) -> list[render.Line]:
    """For every submission that lost points, the first check that it did not pass, and why."""
    shown: list[render.Line] = []
    for submission in results["submissions"]:
        lost = [check for check in submission["checks"] if check["outcome"] in ("failed", "broken")]
        if lost:
            parts = [f"{label} {lost[0][label]}" for label in ("expected", "found") if lost[0][label]]
            text = " ".join(f"{lost[0]['check']}: {', '.join(parts)}".split())
            first, *rest = render.wrapped(text, " " * NAME_WIDTH)
            shown += [(("place", render.pad(submission["id"], NAME_WIDTH)), first[1]), *rest]
    return shown


def number(value: float) -> str:
    """Points as a person writes them.

    >>> number(20.0), number(13.37), number(0.04)
    ('20', '13.4', '0')
    """
    return f"{value:.1f}".removesuffix(".0")


def _points(points: float | None, of: float) -> str:
    return f"{'?' if points is None else number(points)}/{number(of)}"


def _cell(check: dict[str, Any]) -> str:
    mark = MARKS.get(check["outcome"])
    if mark is not None:
        return mark
    if check["of"] == 0:
        return "✓" if check["outcome"] == "passed" else "✗"
    return number(check["points"])


def _notable(names: list[str], submissions: list[dict[str, Any]]) -> list[render.Line]:
    """What a person should look at: a check that most fail, and outcomes that are our fault."""
    shown: list[render.Line] = []
    for i, name in enumerate(names):
        failed = sum(submission["checks"][i]["outcome"] == "failed" for submission in submissions)
        if len(submissions) > 3 and failed > len(submissions) / 2:
            text = f"Most failed `{name}` ({failed} of {len(submissions)}): the question may be wrong."
            shown.append((("advice", text),))
    broken = sum(any(c["outcome"] == "broken" for c in submission["checks"]) for submission in submissions)
    if broken:
        text = f"{broken} could not be judged, through no fault of theirs: look at `!` in results.json."
        shown.append((("error", text),))
    return shown
