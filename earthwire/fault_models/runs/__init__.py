"""What a run of a recipe or of the gauntlet has shown."""
