"""What commands say of profiles and runs: tables and sentences."""
