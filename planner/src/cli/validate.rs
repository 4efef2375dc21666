//! `kubeplan validate`: lists everything that is wrong with a configuration.

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::{CliError, Format, Io};
use serde_json::json;

use super::Surroundings;
use super::failed::failed;
use super::failed::number;
use super::input::{Configuration, sources};
use super::patches::Directories;
use super::reading::count;
use crate::config::{Report, Severity};
use crate::engine::validation::validate;

/// Check a configuration and list everything that is wrong with it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Configuration,
    /// Report unknown and duplicate fields as warnings instead of errors
    #[arg(long)]
    lenient: bool,
    /// Output format of the findings; JSON goes to standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    let (texts, options) = args.config.read(args.lenient, io)?;
    // Checks depend only on the time until certificates expire, so any clock will do.
    let now = (around.clock)().or(Timestamp::from_unix_seconds(0));
    let now = now.unwrap_or(Timestamp::MAX);
    let found = validate(&sources(&texts), options, &Directories, now);
    let found = found.map_err(|error| failed(error, io))?;
    let (valid, report) = (found.is_valid(), &found.report);
    match args.format {
        Format::Json => {
            let document = json!({ "valid": valid, "findings": report.findings() });
            io.document("validate", 1, &document)?;
        }
        Format::Text => {
            io.tell(&report.text());
            for note in &found.notes {
                io.say(note);
            }
            io.say(verdict(valid, report));
        }
    }
    Ok(if valid { Exit::Done } else { Exit::Usage })
}

fn verdict(valid: bool, report: &Report) -> String {
    let warnings = match number(report, Severity::Warning) {
        0 => String::new(),
        number => format!(", {}", count(number, "warning")),
    };
    if valid {
        format!("the configuration is valid{warnings}")
    } else {
        format!(
            "the configuration is not valid: {}{warnings}",
            count(number(report, Severity::Error), "error")
        )
    }
}
