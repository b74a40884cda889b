"""How tools changed while they were recorded, and how much older sessions then count."""
