//! `kubeplan validate`: everything that is wrong with a configuration, at once.

use kubeplan_bundle::exit::Exit;
use serde_json::json;

use super::input::{Configuration, count, number};
use super::{CliError, Format, Io};
use crate::config::{Report, Severity};

/// Check a configuration and list everything that is wrong with it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Configuration,
    /// Report unknown and repeated fields as warnings, not as errors
    #[arg(long)]
    lenient: bool,
    /// How findings are printed; JSON goes to standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    let (valid, report) = match args.config.check_any(args.lenient, io)? {
        Ok(warnings) => (true, warnings),
        Err(report) => (false, report),
    };
    match args.format {
        Format::Json => {
            let document = json!({ "version": 1, "valid": valid, "findings": report.findings() });
            io.json(&document)?;
        }
        Format::Text => {
            io.tell(&report.text());
            io.say(verdict(valid, &report));
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
