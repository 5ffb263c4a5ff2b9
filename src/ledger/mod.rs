//! The ledger: entries, their chain, and the writer that makes them durable.
