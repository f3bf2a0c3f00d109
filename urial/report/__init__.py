"""The stage report: report.json with every figure, and tables, charts and one self-contained page made from it."""
