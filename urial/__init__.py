"""A reproducible study of language-model alignment as a pipeline.

Importable without DVC: the stages under ``stages/`` are thin callers of this package.
"""

__version__ = "0.1.0"
