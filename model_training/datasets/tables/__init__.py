"""Tables as spreadsheets and other tools write them → rows of cells."""
