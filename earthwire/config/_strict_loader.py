"""Turns YAML text into plain data, and refuses what two readers could understand in two ways.

1. A key that stands twice in one mapping is an error; plain YAML readers keep the last one silently.
2. Aliases are an error: nested ones let a few lines stand for billions of values.
3. Depth is bounded: the C parser recurses, and a few kilobytes of brackets would end the process.
4. Whatever cannot be built, such as ``2020-13-45`` or a tag of another language, is an error in its place.
"""

from typing import TYPE_CHECKING, Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

if TYPE_CHECKING:
    from yaml import SafeLoader as _SafeLoader
else:
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

DEPTH_MAX = 50
"""Bound on collections inside collections; a profile needs 7."""


class StrictLoader(_SafeLoader):
    """A safe loader, in C where it is available, that is strict about keys, aliases, depth and scalars."""

    _depth = 0

    def descend_resolver(self, parent: yaml.Node | None, index: object) -> None:
        """Count a level down; the composer calls this before it reads each node.

        Raises:
            ComposerError: if the node lies deeper than `DEPTH_MAX`.
        """
        self._depth += 1
        if self._depth > DEPTH_MAX and parent is not None:
            raise ComposerError(None, None, f"nested deeper than {DEPTH_MAX} levels", parent.start_mark)

    def ascend_resolver(self) -> None:
        """Count a level up."""
        self._depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Build the value of one node, once.

        Raises:
            ConstructorError: in the place of the node, if it is built a second time or cannot be built.
        """
        if node in self.constructed_objects:
            problem = "an alias (*name) stands for this value elsewhere; write the value out in both places"
            raise ConstructorError(None, None, problem, node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as error:
            # The constructors of dates, numbers and booleans trust that the text fits the tag.
            problem = f"{node.value!r:.60} is not what its form or tag {node.tag} promises"
            raise ConstructorError(None, None, problem, node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping.

        Raises:
            ConstructorError: in the place of a key that stands there for the second time.
        """
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            self._refuse_second_key(node)
        return mapping

    def _refuse_second_key(self, node: yaml.MappingNode) -> None:
        first_lines: dict[object, int] = {}
        for key_node, _ in node.value:
            key, line = self.constructed_objects[key_node], key_node.start_mark.line + 1
            if key in first_lines:
                problem = f"the key {key!r:.60} stands here and in line {first_lines[key]}; keep one of them"
                raise ConstructorError(None, None, problem, key_node.start_mark)
            first_lines[key] = line
