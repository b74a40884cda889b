"""From a request to the call that it is, and the short ways that most calls take."""
