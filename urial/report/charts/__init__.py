"""The report's figures, each declared once as a Vega-Lite specification: on the page, in `dvc plots show` and in papers alike."""
