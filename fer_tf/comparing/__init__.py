"""Networks and settings side by side: what is planned, run in processes of its own, and told."""
