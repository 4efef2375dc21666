//! Whether the bundle may be installed on this host now, as lines of the report.
//!
//! The judgement is the same as the installation's ([`crate::admission`]); none of it can be ignored.

use kubeplan_bundle::check::Severity;

use super::report::{Checked, Item, Outcome};
use crate::admission::Refusal;

/// Names of our own checks, in order.
const NAMES: [&str; 3] = ["Target", "Clock", "Serial"];

/// One line for each of our own names.
pub(crate) fn check(refusals: &[Refusal]) -> Vec<Checked> {
    NAMES
        .iter()
        .map(|name| {
            let items: Vec<Item> = refusals
                .iter()
                .filter(|refusal| name_of(refusal) == *name)
                .map(|refusal| Item {
                    severity: Severity::Error,
                    message: refusal.to_string(),
                    ignored: false,
                    could_not_look: false,
                })
                .collect();
            Checked {
                name: (*name).to_owned(),
                own: true,
                ignorable: false,
                outcome: if items.is_empty() {
                    Outcome::Passed
                } else {
                    Outcome::Found
                },
                why: String::new(),
                items,
            }
        })
        .collect()
}

const fn name_of(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Kind(_)
        | Refusal::Platform { .. }
        | Refusal::TestOnly { .. }
        | Refusal::Target { .. }
        | Refusal::AsNode { .. }
        | Refusal::OtherNode { .. } => "Target",
        Refusal::TooEarly { .. } | Refusal::TooLate { .. } => "Clock",
        Refusal::OlderSerial { .. } | Refusal::SameSerial { .. } => "Serial",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_under_its_own_name() {
        let now = "2026-11-20T00:00:00Z".parse().unwrap();
        let checked = check(&[Refusal::TooLate {
            apply_before: now,
            now,
        }]);
        let outcomes: Vec<_> = checked
            .iter()
            .map(|line| (line.name.as_str(), line.outcome))
            .collect();
        assert_eq!(
            outcomes,
            [
                ("Target", Outcome::Passed),
                ("Clock", Outcome::Found),
                ("Serial", Outcome::Passed)
            ]
        );
        assert!(!checked[1].items[0].ignored);
    }
}
