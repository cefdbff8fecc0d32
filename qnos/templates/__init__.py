"""Texts that `qnos driver new` writes."""
