"""HTTP and WebSocket: thin handlers over archive, live streams and state, as openapi.json describes them."""
