"""HTTP routes, the stream and the command line: the only room that reads the environment."""

VERSION = "0.1.0"
