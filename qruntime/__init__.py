"""What every part of qnos runs on: events and effects, the kernel, messages, random streams, trace, limits,
errors.

An actor is anything with `handle(event, now_ns) -> effects` (see `actors`). It owns no clock, socket or
thread, so the same actor runs on the kernel's heap or as a process of its own, and gives the same trace in
both.
"""
