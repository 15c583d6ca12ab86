"""What moves: positions of terminals, robots and vehicles, their tracks, and patrols."""
