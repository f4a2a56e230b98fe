"""Metrics, each computed by the field's own library on one tokenisation."""
