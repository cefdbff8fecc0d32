"""Networked applications written with the SDK. Each module is one application; its docstring teaches it."""
