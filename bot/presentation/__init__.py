"""The texts that every surface shows the same way: cards, sentences, dates and words for states. Pure."""
