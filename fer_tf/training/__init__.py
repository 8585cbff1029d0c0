"""The loop: optimisers, schedules, losses, callbacks, checkpoint and resume."""
