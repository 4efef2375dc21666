//! What the checks came to: kubeadm's lines, a table for people, JSON.

use kubeplan_bundle::check::Severity;
use kubeplan_terminal::{Advice, Text, escape};
use serde::Serialize;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Nothing speaks against the host.
    Passed,
    /// What was found is what an earlier installation of the same node left.
    Ours,
    /// It cannot be made here.
    NotLooked,
    /// An earlier run failed.
    NotReached,
    /// Something was found, or the check could not look.
    Found,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    /// What it counts as.
    pub(crate) severity: Severity,
    /// What was found.
    pub(crate) message: String,
    /// It would be an error if it were not ignored.
    pub(crate) ignored: bool,
    /// The check could not look.
    pub(crate) could_not_look: bool,
}

/// A check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checked {
    /// Its name.
    pub(crate) name: String,
    /// Not one of kubeadm's.
    pub(crate) own: bool,
    /// Whether its errors can be turned into warnings.
    #[serde(skip)]
    pub(crate) ignorable: bool,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// Why the check was not run, or why what was found does not count.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) why: String,
    /// What was found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) items: Vec<Item>,
}

/// All checks.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// In the order in which they were made.
    pub(crate) checks: Vec<Checked>,
    /// Names to be ignored that no check has, with the nearest one that there is.
    #[serde(skip)]
    pub(crate) unknown: Vec<(String, Option<String>)>,
}

/// An error remains.
#[derive(Debug, thiserror::Error)]
#[error("preflight checks failed")]
pub(crate) struct ChecksFailed(#[source] Advice);

impl Checked {
    pub(super) fn without_looking(name: &str, outcome: Outcome, why: &str) -> Self {
        Self {
            name: name.to_owned(),
            own: false,
            ignorable: true,
            outcome,
            why: why.to_owned(),
            items: Vec::new(),
        }
    }

    /// Whether an error remains.
    pub(crate) fn fails(&self) -> bool {
        self.items
            .iter()
            .any(|item| item.severity == Severity::Error)
    }
}

impl Report {
    /// Whether an error remains.
    pub(crate) fn fails(&self) -> bool {
        self.checks.iter().any(Checked::fails)
    }

    /// Puts checks in front.
    pub(crate) fn prepend(&mut self, checks: Vec<Checked>) {
        self.checks.splice(0..0, checks);
    }

    fn items(&self, severity: Severity) -> impl Iterator<Item = String> {
        self.checks.iter().flat_map(move |check| {
            check
                .items
                .iter()
                .filter(move |item| item.severity == severity)
                .map(move |item| format!("[{severity} {}]: {}", check.name, item.message))
        })
    }

    /// The warnings, in kubeadm's form, and names to be ignored that do not exist.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let unknown = self.unknown.iter().map(|(name, nearest)| {
            let instead = nearest
                .as_ref()
                .map(|nearest| format!("; did you mean {nearest}?"))
                .unwrap_or_default();
            format!("no check of this bundle is called `{name}`{instead}")
        });
        self.items(Severity::Warning).chain(unknown).collect()
    }

    /// Everything that was found, in kubeadm's form: for standard error.
    pub(crate) fn lines(&self) -> Text {
        let mut text = Text::new();
        // The tab is kubeadm's.
        let below = |text: &mut Text, line: &str| text.content(&format!("\t{}", escape(line)));
        for line in self.warnings() {
            below(&mut text, &line);
        }
        let errors: Vec<String> = self.items(Severity::Error).collect();
        if !errors.is_empty() {
            text.line("[preflight] Some fatal errors occurred:");
            for line in errors {
                below(&mut text, &line);
            }
        }
        text
    }

    /// The error that a run ends with, if one remains.
    pub(crate) fn error(&self) -> Option<ChecksFailed> {
        self.failed(Text::new())
    }

    /// As [`Report::error`], with everything that was found: for a command that reports something else.
    pub(crate) fn full_error(&self) -> Option<ChecksFailed> {
        self.failed(self.lines())
    }

    fn failed(&self, lines: Text) -> Option<ChecksFailed> {
        let helps = self
            .checks
            .iter()
            .any(|check| check.fails() && check.ignorable);
        let advice = || {
            Advice::lines(lines).and(if helps {
                "remove the causes, or let a check's errors count as warnings with --ignore-preflight-errors NAME"
            } else {
                "remove the causes; these errors cannot be ignored"
            })
        };
        self.fails().then(|| ChecksFailed(advice()))
    }

    /// A line for each check.
    pub(crate) fn table(&self) -> Text {
        let mut text = Text::new();
        for check in &self.checks {
            let word = match check.outcome {
                Outcome::Passed => "ok",
                Outcome::Ours => "ours",
                Outcome::NotLooked | Outcome::NotReached => "-",
                Outcome::Found if check.fails() => "ERROR",
                Outcome::Found => "WARNING",
            };
            let why = match check.outcome {
                Outcome::NotLooked => format!("not looked at ({})", check.why),
                Outcome::NotReached => format!("not made ({})", check.why),
                _ => check.why.clone(),
            };
            let line = format!("{word:<8} {:<24} {why}", check.name);
            text.line(line.trim_end());
            for item in &check.items {
                let ignored = if item.ignored { " (ignored)" } else { "" };
                text.line(format_args!("         {}{ignored}", item.message));
            }
        }
        text
    }
}
