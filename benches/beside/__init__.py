"""The parts of `benches/proxies`: start there."""
