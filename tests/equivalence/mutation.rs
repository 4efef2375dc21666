//! Breaking one rule of a valid configuration.
//!
//! In: a case. Out: the same case with one mistake that kubeadm refuses. Every row of the families is a rule of kubeadm or of
//! YAML; its choices are different ways to break it.

mod cluster;
mod component;
mod form;
mod init;
mod values;

use kubeplan::schema::Kind;

use super::case::Case;
use super::change::Change;
use super::random::Random;

/// One rule to break.
#[derive(Debug)]
pub struct Mutation {
    /// What is broken.
    pub name: &'static str,
    how: Change,
}

const fn set(
    name: &'static str,
    kind: Kind,
    path: &'static str,
    values: &'static [&'static str],
) -> Mutation {
    Mutation {
        name,
        how: Change::Set(kind, path, values),
    }
}

/// The rules, by what they are about.
const FAMILIES: &[&[Mutation]] = &[init::RULES, cluster::RULES, component::RULES, form::RULES];

/// Breaks the rule whose turn case `number` is.
pub fn mutate(case: &mut Case, random: &mut Random, number: u64) {
    let rules: Vec<&'static Mutation> = FAMILIES.iter().copied().flatten().collect();
    let turn = usize::try_from(number)
        .unwrap_or_default()
        .checked_rem(rules.len());
    let Some(mutation) = turn.and_then(|turn| rules.get(turn)).copied() else {
        return;
    };
    case.mutation = Some(mutation.name);
    // Whatever else is random may only get in the way of the one mistake.
    if random.chance(50) {
        case.style = None;
    }
    mutation.how.make(case, random);
}
