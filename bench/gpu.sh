#!/bin/sh
# On a machine with CUDA: the tests that need it, then the benches. Run from the repository's root.
set -eu
python=${PYTHON:-.venv/bin/python}
"$python" -c 'import torch; assert torch.cuda.is_available(), "no CUDA device"; print(torch.cuda.get_device_name())'
"$python" -m pytest -m gpu -q
"$python" bench/step.py
"$python" bench/train.py
"$python" bench/cells.py --device cuda
"$python" bench/game.py
"$python" bench/attacks.py --device cuda
