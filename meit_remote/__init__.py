"""Calls to services that may run on another machine: one gate of consent, one client."""
