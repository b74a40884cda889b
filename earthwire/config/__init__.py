"""Files that people write and read: profiles and recipes, validated, with every error in its place."""

from earthwire.config.located_yaml import FILE_BYTES_MAX, FileError, Model, Section, read_yaml
from earthwire.config.profile_file import (
    FORMAT_VERSION,
    Count,
    DependenceSection,
    LatencySection,
    LawsSection,
    Milliseconds,
    ProfileFile,
    ProvenanceSection,
    ResponseSection,
    Share,
    SourceSection,
    profile_text,
    read_profile,
)

__all__ = [
    "FILE_BYTES_MAX",
    "FORMAT_VERSION",
    "Count",
    "DependenceSection",
    "FileError",
    "LatencySection",
    "LawsSection",
    "Milliseconds",
    "Model",
    "ProfileFile",
    "ProvenanceSection",
    "ResponseSection",
    "Section",
    "Share",
    "SourceSection",
    "profile_text",
    "read_profile",
    "read_yaml",
]
