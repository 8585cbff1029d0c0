"""The building blocks that the networks share."""
