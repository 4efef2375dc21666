//! `kubeplan preflight`: runs the preflight checks that host facts can answer.

use kubeplan_bundle::check::Severity;
use kubeplan_bundle::exit::Exit;
use kubeplan_terminal::{CliError, Format, Io, Text};
use serde::Serialize;
use serde_json::json;

use super::failed::several;
use super::input::Configuration;
use super::reading::count;
use crate::engine::Choices;
use crate::engine::checks::{Checked, NodeChecks, Outcome};

/// Run the preflight checks that host facts can answer
///
/// Lists every check that kubeapply will run on the host, with the result if host facts (--facts) can answer it.
/// `kubeapply preflight` runs all of them on the host.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Configuration,
    /// Output format of the results
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What `--format json` prints for a check.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    name: &'a str,
    severity: Severity,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// What `--format json` prints for a node.
#[derive(Serialize)]
struct NodeLines<'a> {
    node: &'a str,
    passed: bool,
    checks: Vec<Line<'a>>,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    let session = args.config.open(&Choices::default(), io)?;
    let nodes = session.checks().map_err(|failures| several(failures, io))?;
    let all = || nodes.iter().flat_map(|node| &node.checks);
    let failed = all().filter(|check| check.failed()).count();
    let unknown = all()
        .filter(|check| check.outcome == Outcome::Unknown)
        .count();
    match args.format {
        Format::Json => {
            let lines: Vec<NodeLines<'_>> = nodes.iter().map(lines).collect();
            let document = json!({ "passed": failed == 0, "nodes": lines });
            io.document("preflight", 2, &document)?;
        }
        Format::Text => {
            for node in &nodes {
                if session.several() {
                    io.print(&Text::of(&node.node))?;
                }
                io.print(&text(&node.checks))?;
            }
        }
    }
    io.say(format_args!(
        "{unknown} of {} can only run on the host: run `kubeapply preflight` there",
        count(all().count(), "check")
    ));
    if failed == 0 {
        return Ok(Exit::Done);
    }
    io.say(format_args!("{} failed", count(failed, "check")));
    Ok(Exit::Preflight)
}

fn lines(node: &NodeChecks) -> NodeLines<'_> {
    let lines = node.checks.iter().map(|check| Line {
        name: &check.name,
        severity: check.severity,
        outcome: match check.outcome {
            Outcome::Passed => "passed",
            Outcome::Unknown => "unknown",
            Outcome::Found(_) => "found",
        },
        message: message(check),
    });
    NodeLines {
        node: node.node.as_str(),
        passed: !node.checks.iter().any(Checked::failed),
        checks: lines.collect(),
    }
}

fn message(check: &Checked) -> Option<&str> {
    match &check.outcome {
        Outcome::Found(message) => Some(message),
        Outcome::Passed | Outcome::Unknown => None,
    }
}

fn text(checks: &[Checked]) -> Text {
    let mut text = Text::new();
    for check in checks {
        let word = match (&check.outcome, check.severity) {
            (Outcome::Passed, _) => "ok",
            (Outcome::Unknown, _) => "-",
            (Outcome::Found(_), Severity::Warning) => "WARNING",
            (Outcome::Found(_), Severity::Error) => "ERROR",
        };
        text.line(format_args!("{word:<8} {}", check.name));
        if let Some(message) = message(check) {
            text.line(format_args!("         {message}"));
        }
    }
    text
}
