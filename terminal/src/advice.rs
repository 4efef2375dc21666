//! Walks the causes of an error, and finds what to do about it among them.

use std::error::Error;
use std::fmt;
use std::iter::successors;

/// What belongs to an error and is not a cause of it: what to do next, or the single problems that it consists of.
///
/// An error carries it as the `source` of what failed. It is found there however many errors are wrapped around it, also by those
/// that pass another one on as their own (`#[error(transparent)]`), and is never written as a cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    hint: Option<String>,
    items: Vec<String>,
}

impl Advice {
    /// What to do next.
    #[must_use]
    pub fn hint(hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            items: Vec::new(),
        }
    }

    /// The single problems, a line each.
    #[must_use]
    pub const fn items(items: Vec<String>) -> Self {
        Self { hint: None, items }
    }

    /// The single problems.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.items
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hint.as_deref().unwrap_or_default())
    }
}

impl Error for Advice {}

/// `error` and its causes, the outermost first.
pub fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    chain(error).filter(|error| !error.is::<Advice>())
}

/// `error` and its causes on one line: `what failed: why: why`.
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes: Vec<String> = causes(error).map(ToString::to_string).collect();
    causes.join(": ")
}

/// The last cause, for errors of libraries whose outer ones only say that something failed.
#[must_use]
pub fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

/// What to do about `error`: of the first cause that says so.
pub(crate) fn hint_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a str> {
    advice(error).find_map(|advice| advice.hint.as_deref())
}

/// The single problems that `error` consists of.
pub(crate) fn items_of<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a String> {
    advice(error).flat_map(|advice| &advice.items)
}

fn advice<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a Advice> {
    chain(error).filter_map(|error| error.downcast_ref())
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        (*error).source()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the file is open to other users")]
    struct Exposed(#[source] Advice);

    #[derive(Debug, thiserror::Error)]
    enum Host {
        #[error(transparent)]
        Exposed(#[from] Exposed),
        #[error("cannot read it")]
        Read(#[source] std::io::Error),
    }

    #[derive(Debug, thiserror::Error)]
    enum State {
        #[error(transparent)]
        Host(#[from] Host),
    }

    #[derive(Debug, thiserror::Error)]
    #[error("stopped part-way")]
    struct PartWay(#[source] State);

    fn exposed() -> PartWay {
        PartWay(Host::Exposed(Exposed(Advice::hint("chmod it"))).into())
    }

    #[test]
    fn advice_is_found_whatever_wraps_it_and_is_not_a_cause() {
        let error = exposed();
        assert_eq!(hint_of(&error), Some("chmod it"));
        assert_eq!(
            with_causes(&error),
            "stopped part-way: the file is open to other users"
        );
        assert_eq!(
            innermost(&error).to_string(),
            "the file is open to other users"
        );
    }

    #[test]
    fn causes_are_written_in_their_order() {
        let error = PartWay(Host::Read(std::io::Error::other("gone")).into());
        assert_eq!(
            with_causes(&error),
            "stopped part-way: cannot read it: gone"
        );
        assert_eq!(innermost(&error).to_string(), "gone");
        assert_eq!(hint_of(&error), None);
    }
}
