"""The command chat: a talk with the models of a run."""
