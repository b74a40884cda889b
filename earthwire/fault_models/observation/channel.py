"""The observation channel: the steps of a recipe, applied to the texts of one tool result or one chat request.

1. What is random follows from (seed, scope, path, step): the same call gets the same noise, whatever runs beside it.
2. JSON stays JSON. A text that is itself a JSON document is treated as one: only declared fields inside it change.
3. A user turn has the same noise in every request that repeats it.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from earthwire.fault_models.observation.chat import changed_user_turns
from earthwire.fault_models.observation.field_paths import FieldPattern, changed_fields
from earthwire.fault_models.observation.json_text import read_json, write_json
from earthwire.fault_models.observation.rewrite import RemoteStep, Rewrite
from earthwire.fault_models.observation.step import TextStep
from earthwire.fault_models.uniforms import UniformStream

NOTHING_REWRITTEN: Mapping[Rewrite, str] = MappingProxyType({})


class Observed(msgspec.Struct, frozen=True):
    """A document as the agent gets to see it.

    Attributes:
        value: decoded JSON.
        changes: texts that each step changed, by its name.
    """

    value: object
    changes: dict[str, int]


class ObservationChannel:
    """Changes texts on their way to the agent.

    Args:
        steps: in the order in which they are applied.
        fields: text fields of tool results.
        user_turns: change user turns of chat requests.
        severity: multiplies all rates.
        seed: of the run.
    """

    def __init__(
        self,
        steps: Sequence[TextStep | RemoteStep],
        fields: Sequence[str],
        user_turns: bool = False,
        severity: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.user_turns = user_turns
        self._steps = tuple(steps)
        self._patterns = tuple(map(FieldPattern, fields))
        self._severity = severity
        self._seed = seed

    def tool_result(
        self, value: object, scope: Sequence[str], answers: Mapping[Rewrite, str] = NOTHING_REWRITTEN
    ) -> Observed:
        """Return a tool result with its declared text fields changed.

        Args:
            value: decoded JSON; it is left as it is.
            scope: what the noise belongs to: episode, tool and call index.
            answers: texts that were rewritten so far.

        Raises:
            RewriteNeededError: if a text has to be rewritten first.
        """
        changes: Counter[str] = Counter()

        def change(text: str, path: str) -> str:
            inner = read_json(text)
            if inner is not None:
                return write_json(
                    changed_fields(inner, self._patterns, lambda t, p: plain(t, path + p))
                ).decode()
            return plain(text, path)

        def plain(text: str, path: str) -> str:
            return self._changed(text, (*scope, path), answers, changes)

        return Observed(changed_fields(value, self._patterns, change), dict(+changes))

    def chat_request(
        self, value: object, episode: str, answers: Mapping[Rewrite, str] = NOTHING_REWRITTEN
    ) -> Observed:
        """Return a request to a model with its user turns changed.

        Args:
            value: decoded body; it is left as it is.
            episode: the agent run.
            answers: texts that were rewritten so far.

        Raises:
            RewriteNeededError: if a text has to be rewritten first.
        """
        changes: Counter[str] = Counter()

        def change(text: str) -> str:
            identity = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
            return self._changed(text, (episode, "user turn", identity), answers, changes)

        return Observed(changed_user_turns(value, change), dict(+changes))

    def _changed(
        self, text: str, scope: Sequence[str], answers: Mapping[Rewrite, str], changes: Counter[str]
    ) -> str:
        for step in self._steps:
            uniforms = UniformStream(self._seed, "observation", *scope, step.name)
            if isinstance(step, RemoteStep):
                after = step.apply_known(text, uniforms, self._severity, answers)
            else:
                after = step.apply(text, uniforms, self._severity)
            changes[step.name] += after != text
            text = after
        return text
