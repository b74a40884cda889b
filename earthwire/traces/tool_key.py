"""Tool keys: method, host and a path in which identifiers are collapsed to ``{id}``.

Three sources of knowledge, in this order: templates that the user gives, the shape of a segment
(`_segments`), and what a corpus shows: under one parent, many segments that each occur in a single session
are identifiers, while words recur across sessions.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from earthwire.traces._segments import template_segment

NOVEL_SEGMENTS_MIN = 8
"""So many segments under one parent, each of a single session, are identifiers."""
NOVEL_SHARE_MIN = 0.5
"""Share of the sessions under a parent that bring a segment of their own, at least."""


@dataclass(frozen=True, slots=True)
class PathTemplater:
    """Collapses the identifiers in paths.

    Attributes:
        templates: explicit templates, the first match wins; ``{name}`` matches one segment.
        learned_: parent path (template) to the segments that stay literal below it; every other segment there
            is an identifier. Set by `learn`.
    """

    templates: tuple[str, ...] = ()
    learned_: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def template(self, path: str) -> str:
        """Return the template of a path, without query.

        >>> PathTemplater().template("/v1/users/4711/keys?page=2")
        '/v1/users/{id}/keys'
        """
        segments = path.partition("?")[0].split("/")
        for template in self.templates:
            if _matches(template.split("/"), segments):
                return template
        collapsed: list[str] = []
        for segment in segments:
            shape = template_segment(segment)
            words = self.learned_.get("/".join(collapsed)) if self.learned_ else None
            is_learned_id = words is not None and shape == segment and segment not in words
            collapsed.append("{id}" if is_learned_id else shape)
        return "/".join(collapsed)

    def learn(self, paths_by_session: Mapping[str, Iterable[str]]) -> "PathTemplater":
        """Return a templater that also knows the identifiers which only the corpus betrays.

        Args:
            paths_by_session: session to its paths (or templates: what is collapsed already stays so).
        """
        learned: dict[str, frozenset[str]] = {}
        depth = 1
        paths = {
            session: {self.template(path) for path in paths} for session, paths in paths_by_session.items()
        }
        depth_max = max((path.count("/") for group in paths.values() for path in group), default=0)
        while depth <= depth_max:
            learned |= _words_at_depth(depth, paths)
            templater = PathTemplater(self.templates, learned)
            paths = {
                session: {templater.template(path) for path in group} for session, group in paths.items()
            }
            depth += 1
        return PathTemplater(self.templates, learned)


def tool_key(method: str, host: str, template: str) -> str:
    """Return the key that HTTP calls are grouped by: ``METHOD host/template``.

    >>> tool_key("get", "API.example.com", "/users/{id}")
    'GET api.example.com/users/{id}'
    """
    return f"{method.upper()} {host.lower()}{template if template.startswith('/') else '/' + template}"


def _matches(template: list[str], segments: list[str]) -> bool:
    return len(template) == len(segments) and all(
        expected == actual or (expected.startswith("{") and expected.endswith("}"))
        for expected, actual in zip(template, segments, strict=True)
    )


def _words_at_depth(depth: int, paths: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """Return the literal segments of each parent whose children are mostly identifiers."""
    sessions: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for session, group in paths.items():
        for path in group:
            segments = path.split("/")
            if depth < len(segments) and segments[depth] and not segments[depth].startswith("{"):
                sessions["/".join(segments[:depth])][segments[depth]].add(session)
    learned: dict[str, frozenset[str]] = {}
    for parent, children in sessions.items():
        words = frozenset(segment for segment, seen_in in children.items() if len(seen_in) > 1)
        novel_sessions = set().union(*(seen for segment, seen in children.items() if segment not in words))
        all_sessions = set().union(*children.values())
        is_numerous = len(children) - len(words) >= NOVEL_SEGMENTS_MIN
        if is_numerous and len(novel_sessions) >= NOVEL_SHARE_MIN * len(all_sessions):
            learned[parent] = words
    return learned
