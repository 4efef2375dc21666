//! Which checks' errors are to count as warnings.

use std::collections::BTreeSet;

use kubeplan_bundle::check::CheckName;
use kubeplan_terminal::Advice;

/// For every check.
const ALL: &str = "all";

/// `all` stands beside another name.
#[derive(Debug, thiserror::Error)]
#[error("`all` ignores every check already: no other name can stand beside it")]
pub(crate) struct IgnoreError(#[source] Advice);

/// Names of checks, in lower case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignored(BTreeSet<String>);

impl Ignored {
    /// What the command line says: each value one name or several with commas.
    ///
    /// # Errors
    /// [`IgnoreError`] if `all` stands beside another name.
    pub(crate) fn parse(values: &[String]) -> Result<Self, IgnoreError> {
        let names = values
            .iter()
            .flat_map(|value| value.split(','))
            .map(|name| name.trim().to_lowercase())
            .filter(|name| !name.is_empty());
        Self(names.collect()).consistent()
    }

    /// These and those that the bundle says.
    ///
    /// # Errors
    /// As for [`Ignored::parse`].
    pub(super) fn with(&self, planned: &[CheckName]) -> Result<Self, IgnoreError> {
        let planned = planned.iter().map(|name| name.as_str().to_lowercase());
        Self(self.0.iter().cloned().chain(planned).collect()).consistent()
    }

    /// The names, in lower case.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.iter()
    }

    fn consistent(self) -> Result<Self, IgnoreError> {
        if self.0.contains(ALL) && self.0.len() > 1 {
            return Err(IgnoreError(Advice::hint(
                "give --ignore-preflight-errors either `all` or names; the configuration's ignorePreflightErrors count too",
            )));
        }
        Ok(self)
    }

    /// Whether errors of the check count as warnings.
    pub(super) fn covers(&self, name: &str) -> bool {
        self.0.contains(ALL) || self.0.contains(&name.to_lowercase())
    }

    /// Names that no check has, each with the nearest name that one has.
    pub(super) fn unknown<'a>(&self, known: &[&'a str]) -> Vec<(String, Option<&'a str>)> {
        self.0
            .iter()
            .filter(|name| {
                *name != ALL && !known.iter().any(|known| known.to_lowercase() == **name)
            })
            .map(|name| (name.clone(), nearest(name, known)))
            .collect()
    }
}

/// The name that is fewest changes away, if that is no more than a third of it.
fn nearest<'a>(wanted: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (distance(wanted, &name.to_lowercase()), *name))
        .min()
        .filter(|(distance, name)| *distance * 3 <= name.len().max(wanted.len()))
        .map(|(_, name)| name)
}

/// Levenshtein's distance, in characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(256).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, character) in left.chars().take(256).enumerate() {
        let mut next = vec![at + 1];
        for (&other, pair) in right.iter().zip(row.windows(2)) {
            let (above_left, above) = match pair {
                [a, b] => (*a, *b),
                _ => continue,
            };
            let left = next.last().copied().unwrap_or_default();
            let replaced = above_left + usize::from(character != other);
            next.push(replaced.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&str]) -> Result<Ignored, IgnoreError> {
        Ignored::parse(&values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn names_count_in_any_case_and_all_stands_alone() {
        let some = parse(&["NumCPU, swap", "MEM"]).unwrap();
        assert!(some.covers("Swap") && some.covers("numcpu") && some.covers("Mem"));
        assert!(!some.covers("CRI"));
        assert!(parse(&["ALL"]).unwrap().covers("anything"));
        assert!(!parse(&[]).unwrap().covers("Swap"));
        assert!(parse(&["all,Swap"]).is_err());
        let planned = ["CRI".parse().unwrap()];
        assert!(some.with(&planned).unwrap().covers("cri"));
        assert!(parse(&["all"]).unwrap().with(&planned).is_err());
        assert!(parse(&["all"]).unwrap().with(&[]).is_ok());
    }

    #[test]
    fn a_name_that_no_check_has_is_told_with_the_nearest() {
        let known = ["NumCPU", "Swap", "Port-6443", "FileExisting-mount"];
        let ignored = parse(&["swap,numcpus,Port-644,banana"]).unwrap();
        assert_eq!(
            ignored.unknown(&known),
            [
                ("banana".to_owned(), None),
                ("numcpus".to_owned(), Some("NumCPU")),
                ("port-644".to_owned(), Some("Port-6443")),
            ]
        );
        assert!(parse(&["all"]).unwrap().unknown(&known).is_empty());
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
