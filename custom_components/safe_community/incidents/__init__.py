"""The safe neighbourhood: what happened, who is asked to look, and what they answer."""
