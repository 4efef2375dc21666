//! `kubeplan preflight`: the checks of a bundle that host facts can answer.

use kubeplan_bundle::check::Severity;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::step::Step;
use kubeplan_terminal::Text;
use serde::Serialize;
use serde_json::json;

use super::input::{Configuration, count};
use super::nodes::Nodes;
use super::{CliError, Format, Io};
use crate::config::ValidConfig;
use crate::phases::preflight::answer::{Answer, answer};
use crate::phases::preflight::of_node;

/// Make the preflight checks that host facts can answer
///
/// Lists every check the host will have to pass, with what the facts say of it. `kubeapply preflight` makes
/// all of them on the host.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Configuration,
    /// How results are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    name: String,
    severity: Severity,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// The checks of one node.
#[derive(Serialize)]
struct NodeLines {
    node: String,
    passed: bool,
    checks: Vec<Line>,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    let nodes = Nodes::all(args.config.load(io)?);
    let checked = nodes.each(|_, config| {
        let checks = lines(&config)?;
        Ok(NodeLines {
            node: config.node.name.to_string(),
            passed: !checks.iter().any(Line::failed),
            checks,
        })
    });
    let checked = nodes.agree(checked, io)?;
    let all = || checked.iter().flat_map(|node| &node.checks);
    let failed = all().filter(|line| line.failed()).count();
    let unknown = all().filter(|line| line.outcome == "unknown").count();
    match args.format {
        Format::Json => {
            let document = json!({ "version": 2, "passed": failed == 0, "nodes": checked });
            io.json(&document)?;
        }
        Format::Text => {
            for node in &checked {
                if nodes.several() {
                    io.print(&Text::of(&node.node))?;
                }
                io.print(&text(&node.checks))?;
            }
        }
    }
    io.say(format_args!(
        "{unknown} of {} can only be made on the host, with `kubeapply preflight`",
        count(all().count(), "check")
    ));
    if failed == 0 {
        return Ok(Exit::Done);
    }
    io.say(format_args!("{} fail", count(failed, "check")));
    Ok(Exit::Preflight)
}

impl Line {
    fn failed(&self) -> bool {
        self.outcome == "found" && self.severity == Severity::Error
    }
}

fn text(lines: &[Line]) -> Text {
    let mut text = Text::new();
    for line in lines {
        let word = match (line.outcome, line.severity) {
            ("passed", _) => "ok",
            ("unknown", _) => "-",
            (_, Severity::Warning) => "WARNING",
            (_, Severity::Error) => "ERROR",
        };
        text.line(format_args!("{word:<8} {}", line.name));
        if let Some(message) = &line.message {
            text.line(format_args!("         {message}"));
        }
    }
    text
}

fn lines(config: &ValidConfig) -> Result<Vec<Line>, CliError> {
    let steps = of_node(config)
        .map_err(|error| CliError::caused(Exit::Usage, "planning the checks", error))?;
    let mut lines = Vec::new();
    if let Some(arch) = &config.facts.arch {
        let planned = &config.node.platform.arch;
        let wrong = arch != planned;
        lines.push(Line {
            name: "Target".to_owned(),
            severity: Severity::Error,
            outcome: if wrong { "found" } else { "passed" },
            message: wrong
                .then(|| format!("the bundle would be for {planned}, the host is {arch}")),
        });
    }
    for step in &steps {
        let Step::Preflight { checks, ignore, .. } = step else {
            continue;
        };
        let ignored = |name: &str| {
            ignore.iter().any(|ignored| {
                let ignored = ignored.as_str();
                ignored == "all" || ignored.eq_ignore_ascii_case(name)
            })
        };
        for check in checks {
            let mut severity = check.severity;
            let (outcome, message) = match answer(check, &config.facts) {
                Answer::Passed => ("passed", None),
                Answer::Unknown => ("unknown", None),
                Answer::Found(message) => ("found", Some(message)),
                Answer::Warned(message) => {
                    severity = Severity::Warning;
                    ("found", Some(message))
                }
            };
            lines.push(Line {
                name: check.name.to_string(),
                severity: if ignored(check.name.as_str()) {
                    Severity::Warning
                } else {
                    severity
                },
                outcome,
                message,
            });
        }
    }
    Ok(lines)
}
