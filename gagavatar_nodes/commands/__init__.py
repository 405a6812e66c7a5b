"""Actions of the `gagavatar` command, one module each, imported when they are called for."""
