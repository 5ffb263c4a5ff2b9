//! The HTTP shell: one exchange after another, each under one permit.
