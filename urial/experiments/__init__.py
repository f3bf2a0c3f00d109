"""Many runs of one project: DVC experiments that differ in their parameters, made together and put side by side."""
