"""Calls as columns, in session order: from any number of rows, in bounded memory."""
