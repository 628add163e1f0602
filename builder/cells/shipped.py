"""What the shipped library says of its cells: the comment above each. Torch-free."""

from __future__ import annotations

from builder.spec.library import shipped


def note(name: str) -> str:
    """What stands above a shipped cell as one paragraph: its paper, and what to know.

    A cell without a comment of its own shares that of the one above it. Raises ``KeyError``.
    """
    lines = shipped()[name].read_text(encoding="utf-8").split("\n")
    end = lines.index(f"  {name}:")
    while not lines[end - 1].startswith("  #"):
        end -= 1
    start = end
    while lines[start - 1].startswith("  #"):
        start -= 1
    return " ".join(line.removeprefix("  #").strip() for line in lines[start:end])
