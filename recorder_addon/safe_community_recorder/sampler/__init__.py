"""Looks at cameras: decodes on suspicion, in processes of its own, within a budget. Recording never waits for it."""
