"""From the text of a supervisord.conf to the specs that the rest of minisup works from."""
