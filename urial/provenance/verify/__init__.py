"""Whether a run is what it says."""
