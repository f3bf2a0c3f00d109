"""What other tools wrote, as records of this project. A file is read whole, or not at all."""
