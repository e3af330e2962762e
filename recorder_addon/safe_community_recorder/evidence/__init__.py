"""Evidence: footage packed so that anybody can see that nobody touched it, and a register of what was handed out."""
