"""What answers are compared with where a task has a right answer."""
