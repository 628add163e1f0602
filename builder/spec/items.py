"""The items of `layers` as they are written: a layer type, a shared layer or a group, with what stands beside it."""

from __future__ import annotations

from typing import Final

from builder.errors import LONGEST_NAME, Place, Report, did_you_mean, nearest
from builder.language.keys import checked_name, has_hole, is_hole
from builder.language.later import later
from builder.language.nodes import Mapping, Node, Scalar, Sequence, describe
from builder.spec.written import Item

ITEM_KEYS: Final = ("name", "from", "state_from", "init", "freeze", "norm", "repeat", "share", "layers")


class ItemReader:
    """Reads the lists of layers of one spec; everything wrong goes to ``report``.

    ``misspelt`` says that the spec has a key that was most likely meant to be `layers`.
    """

    def __init__(self, report: Report, *, misspelt: bool = False) -> None:
        self.report = report
        self._misspelt = misspelt

    def names(self, node: Node, expected: str) -> tuple[tuple[str, Place], ...] | None:
        """A name or a list of names, with their places; None for a hole, or where anything else stands (reported)."""
        if is_hole(node):
            return None
        items = node.items if isinstance(node, Sequence) else (node,)
        names: list[tuple[str, Place]] = []
        for item in items:
            if isinstance(item, Scalar) and isinstance(item.value, str) and item.value and not item.is_hole:
                names.append((item.value, item.place))
            elif not is_hole(item):
                self.report.error(item.place, f"expected {expected}, found {describe(item)}")
        if not items:
            self.report.error(node.place, f"expected {expected}, found an empty list")
        return tuple(names) if len(names) == len(items) and names else None

    def layers(self, node: Node | None, place: Place, owner: str) -> tuple[Item, ...]:
        """The items of a list of layers; one unknown item where the list is a hole or wrong (reported).

        ``owner`` is how messages call what holds the list ("a spec"), ``place`` where a missing list is reported.
        """
        if node is None and owner in ("a spec", "a network") and self._misspelt:
            return (Item(place, unknown=True),)  # misspelt, and reported as that
        if node is None:
            self.report.error(place, f"{owner} needs `layers`", "As in `layers: [Flatten, {Linear: 10}]`.")
            return ()
        if is_hole(node):
            return (Item(node.place, unknown=True),)
        if not isinstance(node, Sequence):
            hint = "Each layer is an item of a list: begin its line with `- `."
            self.report.error(node.place, f"expected a list of layers, found {describe(node)}", hint)
            return (Item(node.place, unknown=True),)
        if not node.items:
            self.report.error(node.place, f"{owner} needs at least one layer")
            return (Item(node.place, unknown=True),)
        return tuple(self._item(item) for item in node.items)

    def _item(self, node: Node) -> Item:
        if isinstance(node, Scalar) and node.is_hole:
            return Item(node.place, unknown=True)
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
            return Item(node.place, kind=node.value, kind_place=node.place)
        if not isinstance(node, Mapping):
            self.report.error(
                node.place,
                f"expected a layer as `Type` or `Type: {{…}}`, found {describe(node)}",
            )
            return Item(node.place, unknown=True)
        types = [key for key in node.entries if key not in ITEM_KEYS]
        if len(types) > 1 or not all(str(key)[:1].isupper() for key in types):
            unbuilt = later("an item of `layers`")
            for key in (key for key in types if key in unbuilt):
                self.report.error(node.keys[key], f"`{key}` is not available yet")
            types = [key for key in types if key not in unbuilt]
        holders = types + [key for key in ("share", "layers") if key in node.entries]
        if len(holders) != 1 or "???" in types:
            self._wrong_holders(node, list(map(str, types)), list(map(str, holders)))
            return Item(node.place, unknown=True)
        kind = str(types[0]) if types else None
        if kind is not None and len(kind) > LONGEST_NAME:
            self.report.error(node.keys[types[0]], f"there is no layer type of {len(kind):,} characters")
            return Item(node.place, unknown=True)
        name, inner, sources = node.get("name"), node.get("layers"), node.get("from")
        share = self._word(node.entries["share"], "a layer's name") if "share" in node.entries else None
        state = (
            self._word(node.entries["state_from"], "a layer's name") if "state_from" in node.entries else None
        )
        own_name = self._word(name, "a name") if name is not None else None
        if own_name is not None:
            checked_name(*own_name, self.report)
        return Item(
            place=node.place,
            kind=kind,
            kind_place=node.keys[types[0]] if types else node.keys[holders[0]],
            fields=node.entries[types[0]] if types else None,
            name=own_name[0] if own_name else None,
            open_name=is_hole(name),
            name_place=own_name[1] if own_name else None,
            sources=self.names(sources, "a layer's name, or a list of them") if sources is not None else None,
            init=node.get("init"),
            freeze=node.get("freeze"),
            norm=node.get("norm"),
            state_from=state,
            repeat=node.get("repeat"),
            share=share,
            layers=self.layers(inner, node.place, "a group") if inner is not None else None,
            unknown=("share" in node.entries and share is None)
            or ("state_from" in node.entries and state is None)
            or (sources is not None and has_hole(sources)),
        )

    def _word(self, node: Node, expected: str) -> tuple[str, Place] | None:
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value and not node.is_hole:
            return node.value, node.place
        if not is_hole(node):
            self.report.error(node.place, f"expected {expected}, found {describe(node)}")
        return None

    def _wrong_holders(self, node: Mapping, types: list[str], holders: list[str]) -> None:
        if "???" in types:
            return
        if not holders:
            near = did_you_mean(next(iter(map(str, node.entries)), ""), ITEM_KEYS)
            self.report.error(
                node.place, "an item of `layers` needs a layer type", near if not node.entries else None
            )
            return
        places = {str(key): place for key, place in node.keys.items()}
        capital = [holder for holder in holders if holder[:1].isupper()]
        small = [key for key in types if not key[:1].isupper()]
        if len(capital) == 1 and small:
            for key in small:
                hint = f"Fields go inside: `{capital[0]}: {{{key}: …}}`, or two columns further to the right."
                if near := nearest(key, ITEM_KEYS):
                    hint = f"Did you mean `{near}`?"
                elif not key.isidentifier():
                    hint = f"Write `{capital[0]}: {key}`."
                problem = f"`{key}` stands beside `{capital[0]}`, not in it"
                self.report.error(places[key], problem, hint)
            return
        found = " and ".join(f"`{holder}`" for holder in holders)
        self.report.error(
            places[holders[1]],
            f"an item of `layers` has one layer type, found {found}",
            "Begin a new item with `- ` for each layer.",
        )
