//! Nothing is allocated for a value that is transformed, once the output has its room.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use fieldgate::transform::{Generalise, Prepared, RootKey, Transform};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting on the calling thread.
struct Counting;

#[expect(
    unsafe_code,
    reason = "an allocator can be written no other way; it hands each call on unchanged"
)]
// SAFETY: every call goes to `System` with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_count_sees_an_allocation() {
    assert_eq!(
        allocations(|| drop(std::hint::black_box(vec![1_u8; 10]))),
        1
    );
}

#[test]
fn no_transform_allocates_for_a_value() {
    let keys = RootKey::from_bytes([1; 32]).agreement("falls-prevention", 1);
    let transforms = [
        Transform::Replace {
            json: "\"withheld\"".to_owned(),
        },
        Transform::Mask {
            keep_first: 1,
            keep_last: 1,
            with: '•',
        },
        Transform::Generalise(Generalise::Year),
        Transform::Pseudonymise {
            namespace: "person".to_owned(),
        },
    ];
    let long = format!("\"{}\"", "long text \\u00e9 ".repeat(100));
    let values = [
        "4010232137",
        "\"401 023 2137\"",
        "\"1941-03-07\"",
        "\"1941\\u002d03-07T09:00:00Z\"",
        "\"\\ud834\\udd1e\"",
        "-1.5e3",
        "true",
        "\"\"",
        &long,
    ];
    for transform in &transforms {
        let prepared = Prepared::new(transform, Some(&keys)).unwrap();
        let mut out = Vec::with_capacity(16 << 10);
        let count = allocations(|| {
            for _ in 0..10 {
                for value in values {
                    out.clear();
                    // A mismatch must not allocate either.
                    let _mismatch = prepared.apply(value.as_bytes(), &mut out);
                }
            }
        });
        assert_eq!(count, 0, "{transform:?}");
    }
}
