"""`gradspec explain` and the pages of library cells."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import cli.main
from cli.commands.explain import equation_lines

MODEL = """
input: {shape: [T], vocabulary: 30}
layers:
  - Embedding: 8
  - {name: memory, PeepholeLSTM: {hidden_size: 16, num_layers: 2, bidirectional: true}}
  - {name: top, LSTM: 16}
  - Linear: 30
"""
FLAT = "input: [4]\nlayers: [{Linear: 3}, ReLU]\n"
CHO = """\
ChoGRU  128 → 128

  rₜ = σ(W_r xₜ + U_r hₜ₋₁ + b_r)
  zₜ = σ(W_z xₜ + U_z hₜ₋₁ + b_z)
  nₜ = tanh(W_n xₜ + U_n (rₜ ⊙ hₜ₋₁) + b_n)
  hₜ = zₜ ⊙ hₜ₋₁ + (1 − zₜ) ⊙ nₜ

  products    once, for all steps  [W_r W_z W_n] xₜ
              at every step        [U_r U_z] hₜ₋₁
              within each step     U_n (rₜ ⊙ hₜ₋₁)
  recurrence  matrix. What is carried is multiplied by matrices: a loop over
              time with matrix products in each step.
"""

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def gradspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in a folder with two specs: its code, its output, what it says of errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    Path("model.yaml").write_text(MODEL, encoding="utf-8")
    Path("flat.yaml").write_text(FLAT, encoding="utf-8")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gradspec", *arguments])
        code = cli.main.main()
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_a_library_cell(gradspec: Command) -> None:
    code, out, _ = gradspec("explain", "ChoGRU")
    assert code == 0
    assert out.startswith(CHO)
    assert "98,688 parameters, 98,304 multiply-adds a step: 0.75 × those of" in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_spec(gradspec: Command) -> None:
    _, out, _ = gradspec("explain", "model.yaml")
    assert out.startswith(
        "embedding_1  N×T×8  30·8 = 240\n\nmemory  PeepholeLSTM, 8 → 16, 2 layers, both directions\n"
    )
    assert "\n\ntop  LSTM, 32 → 16\n" in out
    assert "equals      nn.LSTM: it runs as that." in out
    assert out.endswith("\n\nlinear_1  N×T×30  16·30 + 30 = 510\n")
    _, one, _ = gradspec("explain", "model.yaml", "top")
    assert one in out


def test_a_spec_without_cells_is_a_table(gradspec: Command) -> None:
    _, out, _ = gradspec("explain", "flat.yaml", "--set", "layers[0].Linear=5")
    assert out == "layer     output  how\nlinear_1  N×5     4·5 + 5 = 25\nrelu_1    N×5\n"


def test_places_to_fill(gradspec: Command) -> None:
    Path("starter.yaml").write_text("input: [T, 3]\nlayers: [{MGU: 4}, {Linear: ???}]\n", encoding="utf-8")
    _, out, _ = gradspec("explain", "starter.yaml")
    assert out.startswith("mgu_1  MGU, 3 → 4\n")
    assert out.endswith("\n\n1 place to fill: line 2\n")


def test_json(gradspec: Command) -> None:
    _, out, _ = gradspec("explain", "model.yaml", "--json")
    memory, top = (layer["cell"] for layer in json.loads(out)["layers"] if layer["cell"])
    assert (memory["num_layers"], memory["directions"], memory["equals"]) == (2, 2, None)
    assert top["products"][0] == {
        "when": "once", "matrices": ["W_{ih,i}", "W_{ih,f}", "W_{ih,o}", "W_{ih,g}"], "operand": "xₜ",
    }  # fmt: skip


def test_a_picture(gradspec: Command) -> None:
    code, out, _ = gradspec("explain", "model.yaml", "memory", "--svg", "memory.svg")
    assert code == 0 and out.endswith("written: memory.svg\n")
    assert Path("memory.svg").read_text(encoding="utf-8").startswith("<svg xmlns=")
    for arguments in (("model.yaml",), ("flat.yaml",)):
        code, _, err = gradspec("explain", *arguments, "--svg", "none.svg")
        assert code == 2 and "`--svg` draws one cell." in err
        assert not Path("none.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("Peephole",), 2, "no library cell `Peephole`. Did you mean `PeepholeLSTM`?"),
        (("ChoGRU", "memory"), 2, "`ChoGRU` is a cell: it has no layers"),
        (("model.yaml", "memry"), 1, "there is no layer `memry`\nHint: Did you mean `memory`?"),
    ],
)
def test_what_is_not_there(gradspec: Command, arguments: tuple[str, ...], code: int, said: str) -> None:
    found, _, err = gradspec("explain", *arguments)
    assert found == code
    assert said in err


def test_torch_is_not_loaded(gradspec: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name
        for name in sys.modules
        if name.partition(".")[0] == "torch" or name.startswith("builder.runtime")
    ]:
        monkeypatch.delitem(sys.modules, name)
    assert gradspec("explain", "PeepholeLSTM")[0] == 0
    assert "torch" not in sys.modules


def test_the_page_of_a_library_cell(gradspec: Command) -> None:
    _, out, _ = gradspec("layers", "PeepholeLSTM")
    assert out.startswith('PeepholeLSTM\n\n  Gers & Schmidhuber, "Recurrent Nets that Time and Count" (2000)')
    assert "\n  iₜ = σ(W_i xₜ + U_i hₜ₋₁ + p_i ⊙ cₜ₋₁ + b_i)\n" in out
    assert "\n  hidden_size    needed    a whole number of at least 1\n" in out
    _, data, _ = gradspec("layers", "PeepholeLSTM", "--json")
    assert len(json.loads(data)["equations"]) == 6
    _, every, _ = gradspec("layers")
    assert "MinGRU MinLSTM" in " ".join(every.split())


def test_a_long_equation_goes_on_indented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = equation_lines("iₜ = σ(W_i xₜ + U_i hₜ₋₁ + p_i ⊙ cₜ₋₁ + b_i)")
    assert ["".join(text for _, text in line) for line in lines] == [
        "  iₜ = σ(W_i xₜ + U_i hₜ₋₁ + p_i ⊙ cₜ₋₁",
        "       + b_i)",
    ]
