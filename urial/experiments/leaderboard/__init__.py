"""Many runs in one table: systems by models, ranked with the uncertainty of each rank."""
