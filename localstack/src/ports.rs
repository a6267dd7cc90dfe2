//! Free ports on loopback, also while several clones start at the same moment.

use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use anyhow::bail;
use rand::Rng;

/// A port that no other `zixly` takes until this is dropped; drop it once the server listens.
pub struct Lease {
    /// The port on 127.0.0.1.
    pub port: u16,
    _claim: UnixListener,
}

/// Leases the first of the preferred ports that is free, or any other free one.
pub fn lease(preferred: impl IntoIterator<Item = u16>) -> anyhow::Result<Lease> {
    let mut random = rand::rng();
    // Below the range that the kernel gives to outgoing connections, which could take a port in between.
    let others = std::iter::repeat_with(|| random.random_range(20_000..32_000)).take(1000);
    match preferred.into_iter().chain(others).find_map(try_lease) {
        Some(lease) => Ok(lease),
        None => bail!("no free port on 127.0.0.1 between 20000 and 32000"),
    }
}

fn try_lease(port: u16) -> Option<Lease> {
    // An abstract socket is a lock that ends with its process and leaves no file.
    let claim = SocketAddr::from_abstract_name(format!("zixly-port-{port}")).ok()?;
    let claim = UnixListener::bind_addr(&claim).ok()?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    Some(Lease { port, _claim: claim })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_leased_to_one_at_a_time() {
        let first = lease([]).unwrap();
        let second = lease([first.port]).unwrap();
        assert_ne!(first.port, second.port);
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        assert_ne!(lease([taken]).unwrap().port, taken);
    }

    #[test]
    fn a_free_port_is_kept_over_a_restart() {
        let port = lease([]).unwrap().port;
        assert_eq!(lease([port]).unwrap().port, port);
    }
}
