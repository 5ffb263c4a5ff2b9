//! Keys stay out of core dumps, as far as the platform can see to that.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Has the system write no core dump of this process, ever again, and let no other process of this user read
/// its memory. Called before a key is read; whether all of it could be had.
///
/// Where dumps go through a handler that ignores the limit of their size, the second of the two, which Linux
/// alone has, still holds. Memory is not locked against swapping: encrypt the swap, or have none.
pub fn keep_out_of_core_dumps() -> bool {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = setrlimit(Resource::Core, none).is_ok();
    #[cfg(target_os = "linux")]
    let kept =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
            .is_ok();
    #[cfg(not(target_os = "linux"))]
    let kept = false;
    limited && kept
}
