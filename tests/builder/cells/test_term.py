"""Terms: walked, changed and compared without recursion."""

from __future__ import annotations

from builder.cells.equation import parse
from builder.cells.term import Apply, Constant, Name, Project, Term, folded, parts, rewritten

LONG = " + ".join(["x"] * 400)


def test_long_sums_are_walked_and_changed() -> None:
    term = parse(LONG)
    assert len(list(parts(term))) == 799
    changed = rewritten(term, lambda part: Constant(1.0) if isinstance(part, Name) else part)
    assert changed == parse(LONG.replace("x", "1")) != term
    assert folded(term, lambda _, operands: 1 + sum(operands)) == 799


def test_parts_are_changed_innermost_first_from_left_to_right() -> None:
    seen: list[str] = []

    def note(part: Term) -> Term:
        match part:
            case Name(text):
                seen.append(text)
            case Project(matrix):
                seen.append(matrix)
            case Apply(function):
                seen.append(function)
        return part

    term = parse("tanh(W @ [x, y]) - z")
    assert rewritten(term, note) == term
    assert seen == ["x", "y", "W", "tanh", "z", "subtract"]


def test_equal_is_what_does_the_same_wherever_it_stood() -> None:
    assert parse("W @ x + 1") == parse("  W @ (x) + 1.0")
    assert len({parse("W @ x"), parse("(W @ x)"), parse("U @ x"), parse("W @ [x, x]"), parse("tanh(x)")}) == 4
    assert parse("tanh(x)") != Name("x") != parse("W @ x") != "W @ x"
    assert Project("tanh", (Name("x"),)) != Apply("tanh", (Name("x"),))
