"""The web application, without a socket."""
