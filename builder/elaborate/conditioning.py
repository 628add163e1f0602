"""A conditional player: a second input ``label``, and the layers of the catalogue that read it.

The added layers stand in the graph beside the author's, under names that stay the same:

========================  ==============  ===================================================================
``concatenate``           both            ``label_one_hot``, for images ``label_planes``, ``with_label``
``embed``                 both            ``label_embedding``, for images ``label_planes``, ``with_label``
``project``               generator       as ``embed``
``project``               discriminator   ``label_embedding``, ``label_score``, ``conditional_logits``
========================  ==============  ===================================================================

Sources: Mirza & Osindero, "Conditional Generative Adversarial Nets" (2014); Miyato & Koyama, "cGANs with
Projection Discriminator" (2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from builder.elaborate.elaborate import Common, Elaborator
from builder.elaborate.layer_maker import Copy, value_of
from builder.elaborate.scope import UNKNOWN, Scope, Value
from builder.errors import Place, Report
from builder.language.nodes import Mapping, Node, Scalar, Sequence
from builder.layers.layer import layers
from builder.shapes import TensorType
from builder.spec.written import Item, WrittenSpec

if TYPE_CHECKING:
    from builder.games.section import Conditional

LABEL: Final = "label"  # the input that holds one class's number for each example
LOGITS: Final = "logits"  # what a projecting discriminator's last layer is called, unless it has a name


@dataclass(frozen=True)
class Condition:
    """How one player gets a class, of ``classes``. ``place`` is where `conditional` is written.

    ``critic`` says that the player is the discriminator.
    """

    how: Conditional
    classes: int
    critic: bool
    place: Place

    def inputs(self, own: dict[str, TensorType]) -> dict[str, TensorType]:
        """The network's inputs and the label: one class's number for each example."""
        return {**own, LABEL: TensorType((), self.classes)}


class ConditionedElaborator(Elaborator):
    """Works out a player's graph with the layers that the label adds."""

    def __init__(self, spec: WrittenSpec, report: Report, common: Common, condition: Condition) -> None:
        super().__init__(spec, report, common)
        self.condition = condition

    def _body(self, scope: Scope) -> None:
        if self.condition.critic and self.condition.how.label == "project":
            scope.last = scope.values["input"]
            self._projected(scope)
            return
        scope.last = scope.values["input"] = self._beside(scope, scope.values["input"])
        scope.counters.clear()  # the author's layers are numbered as if there were no others
        super()._body(scope)

    def _beside(self, scope: Scope, x: Value) -> Value:
        """The input with the class beside it: more features of a vector N×D, more planes of an image N×C×H×W."""
        assert x.type is not None
        how, label, image = self.condition.how, scope.values[LABEL], x.type.shape[1:]
        if how.label == "concatenate":
            encoded = self._add(scope, "label_one_hot", "OneHot", {}, label)
        elif image and self.condition.critic:
            plane = (1, *x.type.sized(1)[1:])
            encoded = self._add(
                scope, "label_embedding", "Embedding", {"embedding_dim": plane[1] * plane[2]}, label
            )
            encoded = self._add(
                scope, "label_planes", "Unflatten", {"dim": 1, "unflattened_size": list(plane)}, encoded
            )
        else:
            encoded = self._add(scope, "label_embedding", "Embedding", {"embedding_dim": how.size}, label)
        if image and (how.label == "concatenate" or not self.condition.critic):
            encoded = self._add(scope, "label_planes", "Tile", {"size": list(x.type.sized(1)[1:])}, encoded)
        return self._add(scope, "with_label", "Concat", {}, x, encoded)

    def _projected(self, scope: Scope) -> None:
        """The author's layers; to their logit, the inner product of the last layer's input and the class is added."""
        if not self.spec.layers or self.spec.layers[-1].unknown:
            super()._body(scope)
            return
        *items, last = self.spec.layers
        self._items(scope, tuple(items), "")
        if last.kind != "Linear" or "Linear" in self.spec.blocks or last.repeat is not None:
            self.report.error(
                last.kind_place or last.place,
                f"`project` holds the class against what arrives at a last `Linear`, found {_called(last)}",
                "End with `Flatten` and `Linear: 1`, or tell the class by `conditional: embed`.",
            )
            self.complete, scope.last = False, UNKNOWN
            return
        (features,) = scope.arrivals(last, last.sources[:1] if last.sources else None, "")
        named = last if last.name is not None else last._replace(name=LOGITS)
        self._layer_or_block(scope, named, "", True, None, written=last)
        logits = scope.last
        if features.type is None or logits is None or logits.type is None:
            return
        if len(features.type.shape) != 1:
            self.report.error(
                last.kind_place or last.place,
                f"`project` needs a vector before the last `Linear`, and {features.type} arrives",
                "Put `Flatten` before it.",
            )
            self.complete, scope.last = False, UNKNOWN
            return
        embedding = self._add(
            scope, "label_embedding", "Embedding", {"embedding_dim": features.type.size}, scope.values[LABEL]
        )
        score = self._add(scope, "label_score", "Dot", {}, features, embedding)
        scope.last = self._add(scope, "conditional_logits", "Add", {}, logits, score)

    def _add(self, scope: Scope, name: str, kind: str, fields: dict[str, Any], *reads: Value) -> Value:
        """Adds a layer of the catalogue called ``name``, which reads the values ``reads``."""
        place = self.condition.place
        sources = tuple((f"·{index}", place) for index in range(len(reads)))  # no author can say that
        scope.values |= {hidden: value for (hidden, _), value in zip(sources, reads, strict=True)}
        item = Item(place, kind=kind, kind_place=place, fields=_node(fields, place), name=name)
        copy = Copy(scope, item, item, name, name, "", sources, None)
        value = value_of(self.maker.make(copy, layers[kind]))
        for hidden, _ in sources:
            del scope.values[hidden]
        if value.source is None:
            self.complete = False
        if name in scope.given:  # the author's own, above
            problem = f"`{name}` is what `conditional` calls a layer of its own, in line {place.line}"
            self.report.error(scope.given[name], problem, "Give this one another name.")
            return UNKNOWN
        scope.give(name, place, value)
        return value


def _called(item: Item) -> str:
    return f"`{item.kind}`" if item.kind is not None and item.repeat is None else "several layers"


def _node(value: Any, place: Place) -> Node:
    """Plain data as if an author had written it at ``place``."""
    if isinstance(value, dict):
        entries: dict[str | int, Node] = {key: _node(inner, place) for key, inner in value.items()}
        return Mapping(entries, dict.fromkeys(entries, place), place)
    if isinstance(value, list):
        return Sequence(tuple(_node(item, place) for item in value), place)
    return Scalar(value, str(value), False, place)
