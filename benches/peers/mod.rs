//! What fieldgate's core is measured beside: the same task done as others would do it.

pub(crate) mod streaming;
pub(crate) mod tree;
