"""What each form of a network costs: time, memory and multiply-adds."""
