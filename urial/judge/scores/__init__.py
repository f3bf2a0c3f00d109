"""A system's answers judged one by one."""
