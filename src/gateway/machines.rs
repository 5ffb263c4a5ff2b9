//! Machines that a worker keeps from exchange to exchange: one that has seen a body under a plan knows what the next is
//! likely to look like, and has its room.

use std::cell::RefCell;
use std::sync::Arc;

use crate::minimise::{self, Machine};
use crate::plan::Plan;
use crate::transform::Occasion;

/// Machines that a worker keeps: some ten KiB each, a few times as much where bodies have many shapes.
const KEPT: usize = 16;

/// A worker's machines that have no body, the one used last at the end.
#[derive(Default)]
pub(crate) struct Machines(RefCell<Vec<Idle>>);

struct Idle {
    plan: Arc<Plan>,
    machine: Box<dyn Machine>,
}

impl Machines {
    /// A machine for a body under `plan`, as [`minimise::machine`] makes it.
    pub(crate) fn take(
        &self,
        plan: &Arc<Plan>,
        boundary: &str,
        occasion: Occasion,
    ) -> Box<dyn Machine> {
        let mut idle = self.0.borrow_mut();
        // Agreements of one kind differ in their keys alone: a machine of one is as good for another.
        let found = idle.iter().rposition(|idle| idle.plan.walks_as(plan));
        let Some(index) = found else {
            return minimise::machine(plan, boundary, occasion);
        };
        let mut machine = idle.remove(index).machine;
        machine.begin(plan, occasion);
        machine
    }

    /// Keeps `machine` for another body under `plan`, if it can take one.
    pub(crate) fn keep(&self, plan: &Arc<Plan>, mut machine: Box<dyn Machine>) {
        if !machine.rest() {
            return;
        }
        let mut idle = self.0.borrow_mut();
        if idle.len() == KEPT {
            // The one that waits longest: its plan may not run any more.
            idle.remove(0);
        }
        idle.push(Idle {
            plan: Arc::clone(plan),
            machine,
        });
    }
}
