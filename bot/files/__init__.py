"""Files: where their bytes are stored, and the program that looks for malware in them."""
