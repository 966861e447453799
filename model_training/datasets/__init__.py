"""Pictures and labels: reading, splitting, drawing."""
