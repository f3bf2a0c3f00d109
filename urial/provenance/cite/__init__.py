"""How a run is cited."""
