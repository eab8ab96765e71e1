"""What several tests share: fakes of the ports, and the real units on a real file without threads."""
