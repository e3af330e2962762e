"""Parts of the benchmark of the integration: what it costs a real Home Assistant."""
