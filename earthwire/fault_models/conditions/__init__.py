"""What a run makes of the recorded laws: milder, harsher, drawn anew, on top of an upstream, in other time."""
