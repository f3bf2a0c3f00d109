"""The record of every file that passes between stages; schemas/ is exported from here.

Records are frozen and forbid unknown fields, so that a file is either what it says or an error that names the field.
"""
