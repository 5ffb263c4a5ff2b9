//! How many connections each address has open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Open connections by the address that they come from, over all workers.
#[derive(Debug, Default)]
pub(crate) struct Addresses(Mutex<HashMap<IpAddr, usize>>);

/// One open connection from an address, until this is dropped.
#[derive(Debug)]
pub(crate) struct Guest {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// One more connection from `address`. `Some(None)`: nobody counts, because `limit` is nought; `None`: there are
    /// `limit` already.
    #[expect(
        clippy::option_option,
        reason = "whether it may come in, and whether anything has to be given back"
    )]
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, limit: usize) -> Option<Option<Guest>> {
        if limit == 0 {
            return Some(None);
        }
        let address = network(address);
        let mut open = self.lock();
        let count = open.entry(address).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(Some(Guest {
            addresses: Arc::clone(self),
            address,
        }))
    }

    /// A panicking holder leaves nothing half done: numbers are only added to and taken from.
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.addresses.lock().entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// What one party is given of IPv6 is a /64 network: its single addresses cost it nothing.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_as_many_as_its_limit_and_a_place_back_for_each_that_ends() {
        let addresses = Arc::<Addresses>::default();
        let rows = [
            // The first address, another, whether they share their places.
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ];
        for (one, other, shared) in rows {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            let first = addresses.enter(one, 1).unwrap();
            assert_eq!(addresses.enter(other, 1).is_none(), shared, "{one} {other}");
            drop(first);
            assert!(addresses.enter(other, 1).is_some(), "{one} {other}");
            assert!(addresses.lock().is_empty(), "{one} {other}");
        }
    }
}
