"""How the pages of the site are made that no person writes."""
