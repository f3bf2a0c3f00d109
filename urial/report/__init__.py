"""The report: report.json, tables, charts and one self-contained page."""
