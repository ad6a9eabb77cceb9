"""The command line client: what supervisorctl does, without an event loop and without heavy imports."""
