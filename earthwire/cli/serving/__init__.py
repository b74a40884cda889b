"""From options and recipes to what is served."""
