"""One recipe trained several times, and the tables made of it."""
