"""The record of every file that passes between stages; schemas/ is exported from here."""
