"""A run re-derived link by link in the order of its flow; the first link that does not hold is explained."""
