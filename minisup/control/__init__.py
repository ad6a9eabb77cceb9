"""How clients reach the daemon: HTTP, XML-RPC and log tails over the port to the engine."""
