"""Examples of a user's own, read from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from builder.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from builder.spec.spec import ModelSpec

SAVE_ONE: Final = "Save one with numpy: `np.savez('examples.npz', x=images)`."


def read_examples(path: Path, channels: int | None = None) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The array of a .npy file, `x` and `lengths` of an .npz, or a .png as one image; bytes as reals in [0, 1].

    A .png becomes 1×C×H×W, grey or RGB as ``channels`` says, else as it is. Raises ``DataError``.
    """
    import numpy as np

    try:
        if path.suffix.lower() == ".png":
            return _picture(path, channels) / np.float32(255), None
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            array, lengths = loaded, None
        else:
            with loaded:
                array, lengths = loaded["x"], loaded.get("lengths")
    except (ValueError, KeyError, OSError, EOFError, SyntaxError) as error:
        # numpy's own words advise unpickling
        reason = "it is no array of numbers" if "pickle" in str(error) else error
        raise DataError(f"`{path}` holds no examples that can be read: {reason}", SAVE_ONE) from None
    if array.dtype.kind not in "biuf":
        raise DataError(f"`{path}` holds no examples that can be read: {array.dtype} are no reals", SAVE_ONE)
    return array / np.float32(255) if array.dtype == np.uint8 else array, lengths


def image_channels(spec: ModelSpec) -> int | None:
    """How many channels the source's images have, 1 or 3; None if that is not known, or if they are no images."""
    kind = next(iter(spec.inputs.values()), None)
    if spec.data is not None:
        kind = spec.data.source.describe(spec.folder).input
    channels = kind.shape[0] if kind is not None and len(kind.shape) == 3 else None
    return channels if isinstance(channels, int) and channels in (1, 3) else None


def _picture(path: Path, channels: int | None) -> NDArray[Any]:
    """A .png as bytes, 1×C×H×W. Transparency is left out."""
    import numpy as np
    from PIL import Image

    with Image.open(path, formats=["PNG"]) as image:
        if image.mode.startswith("I"):
            raise ValueError("it has 16 bits for each value, and 8 can be read")
        grey = image.mode in ("1", "L", "LA") if channels is None else channels == 1
        pixels = np.asarray(image.convert("L" if grey else "RGB"))
    return pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1)[None]
