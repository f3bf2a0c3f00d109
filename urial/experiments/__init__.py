"""Many runs: those that vary one study, and all of them in one table afterwards."""
