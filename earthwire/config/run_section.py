"""What a recipe says of the agent that `earthwire run` starts."""

from typing import Annotated

from pydantic import Field

from earthwire.config.located_yaml import Section

VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class RunSection(Section):
    """How an agent finds its simulated tools."""

    environment: Annotated[
        dict[VariableName, str],
        Field(description="Variables for the agent; `{base}` in a value stands for the proxy's URL."),
    ] = {}
    intercept: Annotated[
        list[str],
        Field(
            description="Hosts whose TLS a forward proxy opens, such as `api.example.com` or `*.example.com`."
        ),
    ] = []
