//! Flags of the components: their types, and which of them a release has.
//!
//! A component exits if it cannot read the value of a flag, or does not know a flag; kubeadm passes on
//! whatever the configuration says. The table is generated from the components' source (`cargo xtask tables`).
//! Sources of how values are read: k8s.io/component-base v0.36.2 (cli/flag, logs/api/v1/pflags.go), github.com/spf13/pflag,
//! Kubernetes v1.36.2, pkg/util/flag.

mod kubelet;
#[rustfmt::skip]
mod table;

use std::net::IpAddr;

pub use kubelet::{common, presence};

use super::duration::GoDuration;
use super::releases::{Release, Span};
use super::truth_value;

/// A flag of a component, with the releases that have it.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its name, without dashes in front.
    pub name: &'static str,
    /// How its value is read.
    pub ty: Type,
    releases: Span,
}

const fn flag(name: &'static str, ty: Type, releases: Span) -> Flag {
    Flag { name, ty, releases }
}

/// How a component reads the value of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A truth value.
    Bool,
    /// A signed integer of so many bits.
    Int(u32),
    /// An unsigned integer of so many bits.
    Uint(u32),
    /// A floating-point number.
    Float,
    /// A duration.
    Duration,
    /// An IP address, or nothing.
    Ip,
    /// An IP address whose numbers may begin with zeros, or nothing.
    SloppyIp,
    /// A level of klog: digits.
    Level,
    /// `name=true` and `name=false`, separated by commas.
    Truths,
    /// `name=value`, separated by commas.
    Pairs,
    /// `name<value`, separated by commas.
    Thresholds,
    /// Any text, or one that is not checked here.
    Text,
}

impl Type {
    /// Whether a component can read `value`.
    #[must_use]
    pub fn reads(self, value: &str) -> bool {
        let items = || value.split(',').filter(|item| !item.is_empty());
        match self {
            Self::Bool => truth_value::parse(value).is_some(),
            Self::Int(bits) => integer(value).is_some_and(|number| {
                let limit = 1_i128 << (bits - 1);
                (-limit..limit).contains(&number)
            }),
            Self::Uint(bits) => {
                !value.starts_with(['+', '-'])
                    && integer(value).is_some_and(|number| number < 1_i128 << bits)
            }
            Self::Float => value.parse::<f64>().is_ok() || value.contains(['x', 'X']),
            Self::Duration => GoDuration::parse(value).is_some(),
            Self::Ip => value.is_empty() || value.trim().parse::<IpAddr>().is_ok(),
            Self::SloppyIp => value.is_empty() || without_zeros(value).parse::<IpAddr>().is_ok(),
            Self::Level => {
                value.bytes().all(|byte| byte.is_ascii_digit())
                    && value.parse::<u32>().is_ok_and(|level| level < 1 << 31)
            }
            Self::Truths => items().all(|item| {
                let pair = item.split_once('=');
                pair.is_some_and(|(_, on)| truth_value::parse(on.trim()).is_some())
            }),
            Self::Pairs => items().all(|item| item.contains('=')),
            Self::Thresholds => items().all(|item| item.contains('<')),
            Self::Text => true,
        }
    }

    /// What a value must be.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::Bool => "`true` or `false`",
            Self::Int(32) => "an integer from -2147483648 to 2147483647",
            Self::Int(_) => "an integer",
            Self::Uint(16) => "an integer from 0 to 65535",
            Self::Uint(32) => "an integer from 0 to 4294967295",
            Self::Uint(_) => "an integer that is not negative",
            Self::Float => "a number",
            Self::Duration => "a duration such as `1m30s`",
            Self::Ip | Self::SloppyIp => "an IP address",
            Self::Level => "a number that is not negative",
            Self::Truths => "pairs such as `Name=true`, separated by commas",
            Self::Pairs => "pairs such as `name=value`, separated by commas",
            Self::Thresholds => "pairs such as `name<value`, separated by commas",
            Self::Text => "a text",
        }
    }
}

/// An integer as Go's `strconv.ParseInt` reads it with base 0: also `0x1f`, `0o17`, `017`, `0b1` and `1_000`.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits, prefixed) = match lower.get(..2) {
        Some("0x") => (16, lower.get(2..)?, true),
        Some("0b") => (2, lower.get(2..)?, true),
        Some("0o") => (8, lower.get(2..)?, true),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, lower.get(1..)?, true),
        _ => (10, lower.as_str(), false),
    };
    // An underscore stands between digits, or between the prefix and a digit.
    let is_spaced =
        !digits.contains("__") && !digits.ends_with('_') && (prefixed || !digits.starts_with('_'));
    let digits = digits.replace('_', "");
    let is_digits = digits.chars().all(|c| c.is_digit(radix)) && !digits.is_empty();
    if !is_spaced || !is_digits {
        return None;
    }
    let number = i128::from_str_radix(&digits, radix).ok()?;
    Some(if negative { -number } else { number })
}

/// The numbers of an IPv4 address without zeros in front of them; other texts as they are.
fn without_zeros(text: &str) -> String {
    if text.contains(':') {
        return text.to_owned();
    }
    let numbers: Vec<&str> = text
        .split('.')
        .map(|number| match number.trim_start_matches('0') {
            "" if !number.is_empty() => "0",
            rest => rest,
        })
        .collect();
    numbers.join(".")
}

/// A component of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// kube-apiserver.
    ApiServer,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// The kubelet.
    Kubelet,
    /// etcd. Its releases are its own: the table has the flags of all that kubeadm uses, without types.
    Etcd,
}

/// Whether a component of a release has a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It has the flag.
    Has,
    /// It lost the flag with `1.<minor>`.
    RemovedIn(u64),
    /// No supported release had the flag.
    Unknown,
}

impl Component {
    const fn table(self) -> &'static [Flag] {
        match self {
            Self::ApiServer => table::KUBE_APISERVER,
            Self::ControllerManager => table::KUBE_CONTROLLER_MANAGER,
            Self::Scheduler => table::KUBE_SCHEDULER,
            Self::Kubelet => table::KUBELET,
            Self::Etcd => table::ETCD,
        }
    }

    /// Whether it has the flag `name`, written with `-` and without dashes in front, in `release`. Flags that it does not have may be
    /// in the tables of components other than the kubelet.
    #[must_use]
    pub fn presence(self, name: &str, release: &Release) -> Presence {
        let rows = || self.table().iter().filter(|row| row.name == name);
        if rows().any(|row| row.releases.contains(release)) {
            return Presence::Has;
        }
        match rows().find_map(|row| row.releases.ended_in(release)) {
            Some(minor) => Presence::RemovedIn(minor),
            None => Presence::Unknown,
        }
    }

    /// The names of its flags in `release`.
    pub fn names(self, release: &Release) -> impl Iterator<Item = &'static str> {
        let rows = self.table().iter();
        rows.filter(|row| row.releases.contains(release))
            .map(|row| row.name)
    }

    /// The type of its flag `name`, written with `-` and without dashes in front, in `release`; `None` if it does not have the flag
    /// or the flag's values have no form.
    #[must_use]
    pub fn type_of(self, name: &str, release: &Release) -> Option<Type> {
        let row = self
            .table()
            .iter()
            .find(|row| row.name == name && row.releases.contains(release))?;
        (row.ty != Type::Text).then_some(row.ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeadm::releases::{RELEASES, find};

    #[test]
    fn values_are_read_as_go_reads_them() {
        for (ty, read, refused) in [
            (
                Type::Bool,
                &["true", "T", "0"][..],
                &["", "yes", " true"][..],
            ),
            (
                Type::Int(32),
                &[
                    "0",
                    "-1",
                    "+5",
                    "0x1F",
                    "0b1",
                    "017",
                    "0o17",
                    "1_000",
                    "2147483647",
                ],
                &[
                    "",
                    "1.5",
                    "5e1",
                    "x",
                    "08",
                    "1__0",
                    "_1",
                    "1_",
                    "2147483648",
                    " 1",
                    "-",
                ],
            ),
            (
                Type::Int(64),
                &["9223372036854775807"],
                &["9223372036854775808"],
            ),
            (Type::Uint(16), &["65535"], &["65536", "-1", "+1"]),
            (
                Type::Float,
                &["1", "1.5", "5e1", ".5", "inf"],
                &["", "a", "1,5"],
            ),
            (
                Type::Duration,
                &["0", "1h30m", "-5s", "1.5h"],
                &["", "5", "1d"],
            ),
            (
                Type::Ip,
                &["", "10.0.0.1", "::", "fd00::1"],
                &["a", "10.0.0.256", "010.0.0.1"],
            ),
            (
                Type::SloppyIp,
                &["", "010.0.0.1", "::1"],
                &["a", "10.0.0.256", "10.0.0"],
            ),
            (Type::Level, &["0", "10"], &["", "-1", "0x1", "2147483648"]),
            (
                Type::Truths,
                &["", "A=true", "A=true,,B=0"],
                &["A", "A=yes", "A=true,B"],
            ),
            (Type::Pairs, &["", "a=b,c=d=e"], &["a", "a=b,c"]),
            (
                Type::Thresholds,
                &["memory.available<5%"],
                &["memory.available=5%"],
            ),
            (Type::Text, &["", "x"], &[]),
        ] {
            for value in read {
                assert!(ty.reads(value), "{ty:?} {value:?}");
            }
            for value in refused {
                assert!(!ty.reads(value), "{ty:?} {value:?}");
            }
        }
    }

    /// What `--help` of the programs of Kubernetes v1.36.2 and of etcd 3.6.8 lists.
    const HELP: [(Component, &str); 4] = [
        (
            Component::ApiServer,
            include_str!("../../../../fixtures/component-flags/kube-apiserver.txt"),
        ),
        (
            Component::ControllerManager,
            include_str!("../../../../fixtures/component-flags/kube-controller-manager.txt"),
        ),
        (
            Component::Scheduler,
            include_str!("../../../../fixtures/component-flags/kube-scheduler.txt"),
        ),
        (
            Component::Etcd,
            include_str!("../../../../fixtures/component-flags/etcd.txt"),
        ),
    ];

    #[test]
    fn the_tables_have_every_flag_that_the_programs_list() {
        let release = find(36).unwrap();
        for (component, help) in HELP {
            assert!(help.lines().count() > 50, "{component:?}");
            for name in help.lines() {
                let presence = component.presence(name, release);
                assert_eq!(presence, Presence::Has, "{component:?} {name}");
            }
            for name in ["no-such-flag", "", "bind-adress"] {
                let presence = component.presence(name, release);
                assert_eq!(presence, Presence::Unknown, "{component:?} {name}");
            }
        }
    }

    #[test]
    fn flags_have_their_types_in_every_release() {
        let newest = RELEASES.last().unwrap();
        for (component, name, expected) in [
            (Component::ApiServer, "secure-port", Some(Type::Int(64))),
            (Component::ApiServer, "allow-privileged", Some(Type::Bool)),
            (Component::ApiServer, "bind-address", Some(Type::Ip)),
            (Component::ApiServer, "event-ttl", Some(Type::Duration)),
            (
                Component::ApiServer,
                "audit-log-maxage",
                Some(Type::Int(64)),
            ),
            (Component::ApiServer, "authorization-mode", None),
            (
                Component::ControllerManager,
                "allocate-node-cidrs",
                Some(Type::Bool),
            ),
            (
                Component::ControllerManager,
                "node-cidr-mask-size",
                Some(Type::Int(32)),
            ),
            (
                Component::ControllerManager,
                "leader-elect",
                Some(Type::Bool),
            ),
            (
                Component::Scheduler,
                "leader-elect-lease-duration",
                Some(Type::Duration),
            ),
            (Component::Scheduler, "profiling", Some(Type::Bool)),
            (Component::Kubelet, "max-pods", Some(Type::Int(32))),
            (Component::Kubelet, "fail-swap-on", Some(Type::Bool)),
            (Component::Kubelet, "address", Some(Type::SloppyIp)),
            (Component::Kubelet, "feature-gates", Some(Type::Truths)),
            (Component::Kubelet, "v", Some(Type::Level)),
            (Component::Kubelet, "root-dir", None),
            (Component::Kubelet, "no-such-flag", None),
        ] {
            for release in [find(33).unwrap(), newest] {
                assert_eq!(component.type_of(name, release), expected, "{name}");
            }
        }
    }
}
