"""Images and labels: reading, splitting, drawing."""
