"""Measures of samples that fits, intervals and reports share."""
