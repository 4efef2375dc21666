//! Name constraints of a CA: which names the certificates below it may have.
//!
//! In: the extension of a CA certificate. Out: [`NameConstraints`], which allow a name or exclude it, as Go judges. Names of other kinds
//! than DNS names and addresses do not occur in a cluster's certificates.
//! Source: Go 1.26, crypto/x509, constraints.go, parser.go.

use std::net::IpAddr;

use ipnet::IpNet;
use x509_parser::extensions::{GeneralName, GeneralSubtree, NameConstraints as Parsed};

use super::go_rules::is_domain_constraint;

/// The name constraints of a CA certificate, as far as names in a cluster's certificates go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameConstraints {
    permitted: Subtrees,
    excluded: Subtrees,
    /// Whether they constrain names of a kind that Go does not check.
    pub(super) other_kinds: bool,
}

/// Sets of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Subtrees {
    /// DNS names with everything below them; with a leading dot only what is below.
    dns: Vec<String>,
    networks: Vec<IpNet>,
}

impl NameConstraints {
    /// Reads the extension.
    ///
    /// # Errors
    /// What Go refuses in it.
    pub(super) fn of(parsed: &Parsed<'_>) -> Result<Self, String> {
        let none = |subtrees: &Option<Vec<_>>| subtrees.as_ref().is_none_or(Vec::is_empty);
        if none(&parsed.permitted_subtrees) && none(&parsed.excluded_subtrees) {
            return Err("its nameConstraints are empty".to_owned());
        }
        let mut other_kinds = false;
        let mut subtrees = |of: &Option<Vec<GeneralSubtree<'_>>>| {
            Subtrees::of(of.as_deref().unwrap_or_default(), &mut other_kinds)
        };
        Ok(Self {
            permitted: subtrees(&parsed.permitted_subtrees)?,
            excluded: subtrees(&parsed.excluded_subtrees)?,
            other_kinds,
        })
    }

    /// Whether a certificate below the CA may have this DNS name.
    pub(super) fn allows_dns(&self, name: &str) -> bool {
        let permitted = &self.permitted.dns;
        let within = |constraint: &String| is_below(constraint, name);
        let excluded = self.excluded.dns.iter().any(|constraint| {
            let sibling = || {
                let of_wildcard = name.strip_prefix("*.");
                let of_constraint = constraint.split_once('.').map(|(_, rest)| rest);
                matches!((of_wildcard, of_constraint), (Some(one), Some(other)) if one.eq_ignore_ascii_case(other))
            };
            within(constraint) || sibling()
        });
        !excluded && (permitted.is_empty() || permitted.iter().any(within))
    }

    /// Whether a certificate below the CA may have this address.
    pub(super) fn allows_ip(&self, address: IpAddr) -> bool {
        let permitted = &self.permitted.networks;
        let within = |network: &IpNet| network.contains(&address);
        !self.excluded.networks.iter().any(within)
            && (permitted.is_empty() || permitted.iter().any(within))
    }

    /// As `permitted DNS:a, excluded IP:10.0.0.0/8`.
    pub(super) fn text(&self) -> String {
        let texts = [("permitted", &self.permitted), ("excluded", &self.excluded)];
        let texts = texts.into_iter().flat_map(|(word, subtrees)| {
            let dns = subtrees
                .dns
                .iter()
                .map(move |name| format!("{word} DNS:{name}"));
            let networks = subtrees.networks.iter();
            dns.chain(networks.map(move |network| format!("{word} IP:{network}")))
        });
        texts.collect::<Vec<_>>().join(", ")
    }
}

impl Subtrees {
    fn of(subtrees: &[GeneralSubtree<'_>], other_kinds: &mut bool) -> Result<Self, String> {
        let mut found = Self::default();
        for subtree in subtrees {
            match &subtree.base {
                GeneralName::DNSName(name) => {
                    found.dns.push(domain("DNS name", name)?.to_owned());
                }
                GeneralName::IPAddress(bytes) => found.networks.push(network(bytes)?),
                // Go checks them, but no certificate of a cluster has such names. Go's rules for mailboxes are left to Go.
                GeneralName::RFC822Name(name) if !name.contains('@') => {
                    domain("mail host", name)?;
                }
                GeneralName::RFC822Name(_) => {}
                GeneralName::URI(host) if host.parse::<IpAddr>().is_ok() => {
                    return Err(format!(
                        "its nameConstraints have the address `{host}` as a host of URIs"
                    ));
                }
                GeneralName::URI(host) => {
                    domain("host of URIs", host)?;
                }
                _ => *other_kinds = true,
            }
        }
        Ok(found)
    }
}

/// A name, if Go reads it as a constraint.
fn domain<'a>(kind: &str, name: &'a str) -> Result<&'a str, String> {
    match is_domain_constraint(name) {
        true => Ok(name),
        false => Err(format!(
            "its nameConstraints have the {kind} `{name}`, which is not a valid domain"
        )),
    }
}

/// An address and its mask.
fn network(bytes: &[u8]) -> Result<IpNet, String> {
    let v4 = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    let v6 = |bytes: &[u8]| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from);
    let (address, mask) = bytes.split_at(bytes.len() / 2);
    let parts = match bytes.len() {
        8 => v4(address).zip(v4(mask)),
        32 => v6(address).zip(v6(mask)),
        _ => None,
    };
    let Some((address, mask)) = parts else {
        return Err(format!(
            "its nameConstraints have an address with its mask in {} bytes instead of 8 or 32",
            bytes.len()
        ));
    };
    IpNet::with_netmask(address, mask)
        .map(|net| net.trunc())
        .map_err(|_| {
            format!(
                "its nameConstraints have the address {address} with the mask {mask}, whose ones do not all come before its zeros"
            )
        })
}

/// Whether `name` is `constraint` or below it; only below if it begins with a dot. Letter case does not count.
fn is_below(constraint: &str, name: &str) -> bool {
    let Some(at) = name.len().checked_sub(constraint.len()) else {
        return false;
    };
    let ends = name
        .get(at..)
        .is_some_and(|end| end.eq_ignore_ascii_case(constraint));
    let starts_label = at == 0
        || constraint.is_empty()
        || constraint.starts_with('.')
        || name.get(..at).is_some_and(|before| before.ends_with('.'));
    ends && starts_label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn names(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn dns_names_are_constrained_as_in_go() {
        // Permitted, excluded, name, allowed.
        let cases: &[(&[&str], &[&str], &str, bool)] = &[
            (&[], &[], "a.example.com", true),
            (&["example.com"], &[], "example.com", true),
            (&["example.com"], &[], "A.Example.com", true),
            (&["example.com"], &[], "notexample.com", false),
            (&["example.com"], &[], "kubernetes", false),
            (&["example.com"], &[], "*.example.com", true),
            (&[".example.com"], &[], "example.com", false),
            (&[".example.com"], &[], "a.example.com", true),
            (
                &["local", "example.com"],
                &[],
                "kubernetes.default.svc.cluster.local",
                true,
            ),
            (&[""], &[], "kubernetes", true),
            (&[], &[""], "kubernetes", false),
            (&[], &["example.com"], "a.example.com", false),
            (&[], &["example.com"], "kubernetes", true),
            (&[], &["a.example.com"], "*.example.com", false),
            (&[], &["a.b.example.com"], "*.example.com", true),
            (
                &["example.com"],
                &["a.example.com"],
                "b.a.example.com",
                false,
            ),
            (&["example.com"], &["a.example.com"], "b.example.com", true),
        ];
        for (permitted, excluded, name, allowed) in cases {
            let of = |dns: &[&str]| Subtrees {
                dns: names(dns),
                networks: Vec::new(),
            };
            let constraints = NameConstraints {
                permitted: of(permitted),
                excluded: of(excluded),
                other_kinds: false,
            };
            assert_eq!(
                constraints.allows_dns(name),
                *allowed,
                "{permitted:?} {excluded:?} {name}"
            );
        }
    }

    #[test]
    fn addresses_are_constrained_as_in_go() {
        let cases: &[(&[&str], &[&str], &str, bool)] = &[
            (&[], &[], "10.0.0.1", true),
            (&["10.0.0.0/8"], &[], "10.96.0.1", true),
            (&["10.0.0.0/8"], &[], "192.168.0.1", false),
            (&["10.0.0.0/8"], &[], "::1", false),
            (&["10.0.0.0/8", "::/0"], &[], "::1", true),
            (&[], &["0.0.0.0/0"], "127.0.0.1", false),
            (&[], &["0.0.0.0/0"], "::1", true),
            (&["10.0.0.0/8"], &["10.1.0.0/16"], "10.1.2.3", false),
        ];
        for (permitted, excluded, address, allowed) in cases {
            let of = |networks: &[&str]| Subtrees {
                dns: Vec::new(),
                networks: nets(networks),
            };
            let constraints = NameConstraints {
                permitted: of(permitted),
                excluded: of(excluded),
                other_kinds: false,
            };
            let address = address.parse().unwrap();
            assert_eq!(
                constraints.allows_ip(address),
                *allowed,
                "{permitted:?} {excluded:?} {address}"
            );
        }
        assert_eq!(
            network(&[10, 1, 2, 3, 255, 0, 0, 0]),
            Ok("10.0.0.0/8".parse().unwrap())
        );
        for (wrong, why) in [
            (
                &[10, 0, 0, 0, 255, 0, 255, 0][..],
                "its nameConstraints have the address 10.0.0.0 with the mask 255.0.255.0, whose ones do not all come before its zeros",
            ),
            (&[10, 0, 0, 0], "in 4 bytes instead of 8 or 32"),
            (&[], "in 0 bytes instead of 8 or 32"),
        ] {
            let refused = network(wrong).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
