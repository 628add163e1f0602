"""The device that is asked for, or a sentence; threads come and go."""

from __future__ import annotations

import pytest
import torch

from builder.errors import RunError
from builder.runtime.device import chosen_device, threads


def test_the_device() -> None:
    assert chosen_device("cpu") == torch.device("cpu")
    assert chosen_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(RunError, match="`device: cuda` is asked for"):
        chosen_device("cuda")


def test_threads_go_back_to_the_callers() -> None:
    before = torch.get_num_threads()
    with pytest.raises(KeyError), threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise KeyError
    assert torch.get_num_threads() == before
    with threads(None):
        assert torch.get_num_threads() == before
