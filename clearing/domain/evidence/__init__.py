"""What proves the log, as plain functions: trees, headers, checkpoints, columns; no database.

`python -m clearing.domain.evidence` checks what was exported on any machine that has this folder.
"""
