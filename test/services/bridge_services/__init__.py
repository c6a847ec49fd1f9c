"""Services of the shape that the runbook is about."""
