"""The audit log: who did or looked at what, when and why, so that no change to it goes unnoticed."""
