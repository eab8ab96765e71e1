"""Code that several tests share: fakes of the ports, sample data, and environments that run parts of Signoff."""
