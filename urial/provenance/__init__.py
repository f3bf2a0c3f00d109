"""Why a number can be believed: traced to its rows, verified link by link, cited, compared, and packed for others."""
