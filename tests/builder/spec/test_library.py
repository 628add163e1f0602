"""Libraries: files that give blocks and cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder import SpecErrors, load
from builder.spec.library import MAX_FILES

CELL = "{states: [h], update: {h: tanh(W @ x + U @ h_prev)}}"
BLOCK = "{parameters: {n: 2}, layers: [{Linear: $n}, ReLU]}"


def write(folder: Path, **texts: str) -> Path:
    """Writes files ``name.yaml``; the one called ``spec`` is the spec."""
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "spec.yaml"


def problems(path: Path) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        load(path)
    return [error.problem for error in caught.value.errors]


def test_a_library_gives_blocks_and_cells_that_need_not_be_used(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        spec="library: [a.yaml, below/b.yaml]\ninput: [T, 4]\nlayers: [{Mine: 3}, {Wide: 5}, {Deep: 6}]\n",
        a=f"cells: {{Mine: {CELL}, Idle: {CELL}}}\nblocks: {{Wide: {BLOCK}}}\n",
        below__b="library: c.yaml\n",
        below__c=f"blocks: {{Deep: {BLOCK}, Idle2: {{layers: [ReLU]}}}}\n",
    )
    found = load(path)
    assert [layer.type for layer in found.graph.layers] == ["Mine", "Linear", "ReLU", "Linear", "ReLU"]
    assert found.cells.keys() == {"Mine", "Idle"}
    assert list(found.resolved()["blocks"]) == ["Wide", "Deep"]  # type: ignore[call-overload]
    assert found.advice == ()


def test_an_own_name_wins_over_a_librarys(tmp_path: Path) -> None:
    own = "{states: [h], update: {h: tanh(W @ x)}}"
    path = write(
        tmp_path,
        spec=f"library: a.yaml\ninput: [T, 4]\ncells: {{Mine: {own}}}\nlayers: [{{Mine: 3}}]\n",
        a=f"cells: {{Mine: {CELL}}}\n",
    )
    found = load(path)
    assert found.graph.parameters == 12
    assert [one.problem for one in found.advice] == ["the cell `Mine` hides a library's of that name"]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        spec="library: [a.yaml, b.yaml]\ninput: [T, 4]\nlayers: [{Mine: 3}]\n",
        a="library: b.yaml\n",
        b=f"cells: {{Mine: {CELL}}}\n",
    )
    assert load(path).graph.parameters == 21


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    path = write(inside, spec="library: [a.yaml, b.yaml]\ninput: [T, 4]\nlayers: [{Mine: 3}]\n")
    write(tmp_path, outside=f"cells: {{Mine: {CELL}}}\n")
    (inside / "a.yaml").symlink_to(tmp_path / "outside.yaml")
    (inside / "b.yaml").symlink_to(inside / "b.yaml")
    first, *second = problems(path)
    assert first == "the path `a.yaml` leaves the folder of the file that names it"
    assert len(second) == 1


@pytest.mark.parametrize("name", ["/etc/passwd", "../spec.yaml", "a/../../b.yaml", "..", "x" * 5000])
def test_a_path_that_leaves_or_is_none_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, spec=f"library: {name}\ninput: [T, 4]\nlayers: [{{Mine: 3}}]\n")
    assert len(problems(path)) == 1


def test_a_library_of_itself_and_too_many_are_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path, spec="library: a.yaml\ninput: [T, 4]\nlayers: [{ElmanRNN: 3}]\n", a="library: a.yaml\n"
    )
    assert problems(path) == ["the libraries name each other in a circle: a.yaml → a.yaml"]
    many = {f"l{n}": "{}\n" for n in range(MAX_FILES + 1)}
    listed = ", ".join(f"{name}.yaml" for name in many)
    path = write(tmp_path, spec=f"library: [{listed}]\ninput: [T, 4]\nlayers: [{{ElmanRNN: 3}}]\n", **many)
    assert problems(path) == [f"expected at most {MAX_FILES} library files, found more"]


def test_a_hole_in_a_library_is_counted(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        spec="library: a.yaml\ninput: [T, 4]\nlayers: [{Mine: 3}, {Linear: ???}]\n",
        a="cells: {Mine: {states: [h], update: {h: ???}}}\n",
    )
    found = load(path)
    assert [(Path(place.file).name, place.line) for place in found.holes] == [("spec.yaml", 3), ("a.yaml", 1)]
    assert not found.graph.complete
