"""The twin's core: space codes, places, two-clock history, matching, layers, the query and its stores."""
