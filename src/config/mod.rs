//! The gateway's configuration: files in, a running set's parts out.
