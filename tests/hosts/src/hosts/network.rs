//! The network between hosts: one bridge, one cable to each host, no way out.
//!
//! Each host is a network namespace whose `eth0` hangs on the bridge of a hub namespace. This machine's own network
//! never sees them, so their addresses cannot collide with others'.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command;

/// The most hosts of one rig; the addresses below have room for so many.
pub const MAX_HOSTS: u8 = 32;

/// A host's place in the network, 1 to [`MAX_HOSTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(u8);

impl Number {
    /// The place `number`; none if it is out of range.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        (1..=MAX_HOSTS).contains(&number).then_some(Self(number))
    }

    /// Every place.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=MAX_HOSTS).map(Self)
    }

    /// The name of the host here.
    #[must_use]
    pub fn name(self) -> String {
        format!("host{}", self.0)
    }

    /// Its address.
    #[must_use]
    pub fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, 10, 10 + self.0)
    }

    /// Its other address.
    #[must_use]
    pub fn address6(self) -> Ipv6Addr {
        Ipv6Addr::new(0xfd00, 0x10, 0, 0, 0, 0, 0, u16::from(10 + self.0))
    }

    /// Its Pods' addresses; all of them are in 10.244.0.0/16.
    #[must_use]
    pub fn pods(self) -> String {
        format!("10.244.{}.0/24", self.0)
    }

    /// Its Pods' other addresses; all of them are in fd00:10:244::/56.
    #[must_use]
    pub fn pods6(self) -> String {
        format!("fd00:10:244:{:x}::/64", self.0)
    }
}

/// The network of one rig.
#[derive(Clone, Debug)]
pub(super) struct Network {
    /// In front of every namespace's name.
    prefix: String,
}

impl Network {
    /// The network of the rig whose namespaces begin with `prefix`.
    #[must_use]
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
        }
    }

    /// Where the hub's namespace can be opened.
    #[must_use]
    pub(super) fn hub_path(&self) -> PathBuf {
        namespace_path(&self.hub())
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.prefix)
    }

    fn namespace(&self, number: Number) -> String {
        format!("{}-{}", self.prefix, number.name())
    }

    /// Where the namespace of a host can be opened.
    #[must_use]
    pub(super) fn path(&self, number: Number) -> PathBuf {
        namespace_path(&self.namespace(number))
    }

    /// Makes the bridge, unless it is there.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn make_hub(&self) -> Result<()> {
        let hub = self.hub();
        if namespace_path(&hub).exists() {
            return Ok(());
        }
        ip(&["netns", "add", &hub])?;
        for line in [
            "link set lo up",
            "link add br0 type bridge",
            "address add 192.168.10.1/24 dev br0",
            "address add fd00:10::1/64 dev br0 nodad",
            "link set br0 up",
        ] {
            ip_in(&hub, line)?;
        }
        Ok(())
    }

    /// Makes the namespace of a host with its cable to the bridge and the routes to every other host's Pods.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn attach(&self, number: Number) -> Result<()> {
        let (hub, host, name) = (self.hub(), self.namespace(number), number.name());
        self.detach(number)?;
        ip(&["netns", "add", &host])?;
        ip(&[
            "-n", &hub, "link", "add", &name, "type", "veth", "peer", "name", "eth0", "netns",
            &host,
        ])?;
        ip_in(&hub, &format!("link set {name} master br0 up"))?;
        ip_in(&host, "link set lo up")?;
        ip_in(
            &host,
            &format!("address add {}/24 dev eth0", number.address()),
        )?;
        ip_in(
            &host,
            &format!("address add {}/64 dev eth0 nodad", number.address6()),
        )?;
        ip_in(&host, "link set eth0 up")?;
        ip_in(&host, "route add default via 192.168.10.1")?;
        ip_in(&host, "-6 route add default via fd00:10::1")?;
        for other in Number::all().filter(|other| *other != number) {
            ip_in(
                &host,
                &format!("route add {} via {}", other.pods(), other.address()),
            )?;
            ip_in(
                &host,
                &format!("-6 route add {} via {}", other.pods6(), other.address6()),
            )?;
        }
        Ok(())
    }

    /// Takes the namespace of a host away, if it is there.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn detach(&self, number: Number) -> Result<()> {
        remove(&self.namespace(number))
    }

    /// Takes the bridge away, if it is there.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn remove_hub(&self) -> Result<()> {
        remove(&self.hub())
    }
}

fn remove(namespace: &str) -> Result<()> {
    if namespace_path(namespace).exists() {
        ip(&["netns", "delete", namespace])?;
    }
    Ok(())
}

fn namespace_path(name: &str) -> PathBuf {
    Path::new("/run/netns").join(name)
}

fn ip(args: &[&str]) -> Result<()> {
    command::run(Command::new("ip").args(args)).map(drop)
}

/// Runs `ip` with the words of `line` in a namespace.
fn ip_in(namespace: &str, line: &str) -> Result<()> {
    let mut args = vec!["-n", namespace];
    args.extend(line.split(' '));
    ip(&args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_places_of_their_own() {
        assert_eq!((Number::new(0), Number::new(MAX_HOSTS + 1)), (None, None));
        let first = Number::new(1).unwrap();
        assert_eq!(first.name(), "host1");
        assert_eq!(first.address().to_string(), "192.168.10.11");
        assert_eq!(first.address6().to_string(), "fd00:10::b");
        assert_eq!(
            (first.pods().as_str(), first.pods6().as_str()),
            ("10.244.1.0/24", "fd00:10:244:1::/64")
        );
        let addresses: std::collections::BTreeSet<Ipv4Addr> =
            Number::all().map(Number::address).collect();
        assert_eq!(addresses.len(), usize::from(MAX_HOSTS));
    }
}
