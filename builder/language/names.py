"""Names that a spec may give: ``[A-Za-z_][A-Za-z0-9_]*`` of at most 80 characters, and those already taken."""

from __future__ import annotations

import keyword
import re
from typing import Final

from builder.errors import Cause

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_OURS: Final = frozenset({"input", "last", "parameters", "output"})

# What ``torch.nn.Module`` has: a layer of this name would hide it. Held against torch by a test.
MODULE_ATTRIBUTES: Final = frozenset(
    """T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
    dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu
    load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to
    to_empty train training type xpu zero_grad""".split()
)


def check_name(name: object) -> str:
    """The name, if a layer, input, block or constant may be called so. Raises ``Cause`` with the reason.

    >>> check_name("tower_a")
    'tower_a'
    """
    if not isinstance(name, str) or not _NAME.match(name):
        raise Cause(
            f"`{str(name)[:40]}` is no name",
            "A name is a letter from a to z or A to Z, then such letters, digits and `_`.",
        )
    if len(name) > 80:
        raise Cause(f"a name of {len(name)} characters is too long", "80 are allowed.")
    if name in _OURS:
        raise Cause(f"`{name}` means something in every spec and cannot be a name of your own")
    if keyword.iskeyword(name):
        raise Cause(f"`{name}` is a word of Python's own and cannot be a name")
    if name in MODULE_ATTRIBUTES or name.startswith("__"):
        raise Cause(f"`{name}` is what every `torch.nn.Module` has already, and a layer would hide it")
    if name.startswith("_"):
        raise Cause(f"`{name}` begins with `_`, which `torch.nn.Module` keeps for itself", "Drop the `_`.")
    return name


def snake_case(name: str) -> str:
    """A block's type name as its layers are called.

    >>> snake_case("ResidualUnit"), snake_case("MLP"), snake_case("Conv2dBlock")
    ('residual_unit', 'mlp', 'conv2d_block')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return spaced.lower()
