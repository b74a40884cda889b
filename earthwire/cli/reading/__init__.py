"""Traces as commands read them: of any size, in bounded memory, with a bar."""
