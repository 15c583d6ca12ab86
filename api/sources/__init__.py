"""Where readings come from besides HTTP: brokers, files, replays."""
