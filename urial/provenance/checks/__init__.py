"""The links of a run, one module a part of the flow: each is derived again and compared with what the run has."""
