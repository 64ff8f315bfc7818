"""Reaches above the top package."""
from ... import x
