"""The data plane: performs plans on the wire."""
