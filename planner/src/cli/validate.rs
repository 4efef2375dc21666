//! `kubeplan validate`: everything that is wrong with a configuration, at once.

use kubeplan_bundle::exit::Exit;
use serde_json::json;

use super::input::{ConfigFiles, count, number, sources};
use super::{CliError, Format, Io};
use crate::config::{self, Options, Report, Severity};

/// Check a configuration and list everything that is wrong with it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigFiles,
    /// Report unknown and repeated fields as warnings, not as errors
    #[arg(long)]
    lenient: bool,
    /// How findings are printed; JSON goes to standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args, io: &mut Io) -> Result<Exit, CliError> {
    let texts = args.config.read(io)?;
    let options = Options {
        lenient: args.lenient,
        ..Options::default()
    };
    let (valid, report) = match config::load_with(&sources(&texts), options) {
        Ok(loaded) => (true, loaded.warnings),
        Err(report) => (false, report),
    };
    match args.format {
        Format::Json => {
            let document = json!({ "version": 1, "valid": valid, "findings": report.findings() });
            io.data(&format!("{document:#}\n"))?;
        }
        Format::Text => {
            if !report.is_empty() {
                io.say(report.to_string().trim_end());
            }
            io.say(&verdict(valid, &report));
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
