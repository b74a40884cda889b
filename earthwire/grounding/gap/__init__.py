"""The gap between recorded and simulated calls: distances, classifiers, rivals, and the verdict."""
