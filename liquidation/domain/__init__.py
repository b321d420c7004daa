"""What if they do not pay: the machine and the plan, as plain Python with integers."""
