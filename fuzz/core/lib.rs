//! The modules of the core, as they are in the package: they know nothing of the others.

#![allow(dead_code, unused_imports, reason = "the gateway calls what the targets do not")]

#[path = "../../src/aggregate/mod.rs"]
pub mod aggregate;
#[path = "../../src/gateway/encoding/decode/mod.rs"]
pub mod decode;
#[path = "../../src/detect/mod.rs"]
pub mod detect;
#[path = "../../src/gateway/form/mod.rs"]
pub mod form;
#[path = "../../src/identifier/mod.rs"]
pub mod identifier;
#[path = "../../src/minimise/mod.rs"]
pub mod minimise;
#[path = "../../src/plan/mod.rs"]
pub mod plan;
#[path = "../../src/spread.rs"]
pub(crate) mod spread;
#[path = "../../src/agreement/template.rs"]
pub mod template;
#[path = "../../src/transform/mod.rs"]
pub mod transform;
