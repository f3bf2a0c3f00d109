"""The gate: params.yaml checked, and every reference resolved, before anything is paid for."""
