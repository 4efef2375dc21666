//! Where a control plane is reached: the address it listens on, and the name or address in its kubeconfigs.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::User;
use super::manifest::Invocation;

/// Addresses of the sandbox, and a name of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    advertised: IpAddr,
    /// What stands in kubeconfigs, where it is another address.
    endpoint: Option<IpAddr>,
    /// What stands in kubeconfigs, where it is a name.
    name: Option<String>,
}

impl Place {
    /// Reads it from the API server's manifest and the administrator's kubeconfig.
    pub(super) fn read(installed: &Path) -> Result<Self> {
        let server = Invocation::read(installed, "kube-apiserver")?;
        let advertised: IpAddr = server
            .flag("advertise-address")
            .context("the API server's manifest has no --advertise-address")?
            .parse()?;
        let path = installed.join(User::SuperAdmin.kubeconfig().trim_start_matches('/'));
        let kubeconfig =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let host =
            host(&kubeconfig).with_context(|| format!("{} names no server", path.display()))?;
        Ok(Self::new(advertised, &host))
    }

    fn new(advertised: IpAddr, host: &str) -> Self {
        let endpoint = host.parse().ok();
        Self {
            advertised,
            endpoint: endpoint.filter(|endpoint| *endpoint != advertised),
            name: endpoint.is_none().then(|| host.to_owned()),
        }
    }

    /// The addresses with the length of their prefix: each stands alone.
    pub(super) fn addresses(&self) -> Vec<String> {
        let all = std::iter::once(self.advertised).chain(self.endpoint);
        all.map(|address| format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 }))
            .collect()
    }

    /// `/etc/hosts`.
    pub(super) fn hosts(&self) -> String {
        let mut lines = "127.0.0.1 localhost\n::1 localhost\n".to_owned();
        if let Some(name) = &self.name {
            lines.push_str(&format!("{} {name}\n", self.advertised));
        }
        lines
    }
}

/// The host of the first cluster's server: `a` of `server: https://a:6443`.
fn host(kubeconfig: &str) -> Option<String> {
    let line = kubeconfig
        .lines()
        .find_map(|line| line.trim().strip_prefix("server: https://"))?;
    let (host, _port) = line.rsplit_once(':')?;
    Some(
        host.trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_server_is_read() {
        let of = |server: &str| host(&format!("clusters:\n- cluster:\n    server: {server}\n"));
        assert_eq!(
            of("https://192.168.10.11:6443").as_deref(),
            Some("192.168.10.11")
        );
        assert_eq!(
            of("https://[2001:db8::10]:6443").as_deref(),
            Some("2001:db8::10")
        );
        assert_eq!(
            of("https://api.example.com:443").as_deref(),
            Some("api.example.com")
        );
        assert_eq!(of("http://127.0.0.1:80"), None);
    }

    #[test]
    fn names_and_other_addresses_lead_to_the_sandbox() {
        let advertised: IpAddr = "192.168.10.11".parse().unwrap();
        let same = Place::new(advertised, "192.168.10.11");
        assert_eq!(same.addresses(), ["192.168.10.11/32"]);
        assert_eq!(same.hosts(), "127.0.0.1 localhost\n::1 localhost\n");
        let named = Place::new(advertised, "api.example.com");
        assert_eq!(named.addresses(), ["192.168.10.11/32"]);
        assert!(named.hosts().ends_with("\n192.168.10.11 api.example.com\n"));
        let balanced = Place::new(advertised, "fd00::1");
        assert_eq!(balanced.addresses(), ["192.168.10.11/32", "fd00::1/128"]);
    }
}
