"""The one-map cockpit 一张图: a client of the API that never opens the store."""
