//! Results of commands, for people or for machines.

use clap::ValueEnum;
use kubeplan_bundle::exit::Exit;
use serde::Serialize;

use crate::error::CliError;
use crate::io::Io;
use crate::text::Text;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For machines: one JSON object with a version field
    Json,
}

/// The result of a command.
pub trait Report: Serialize {
    /// The command's name.
    const COMMAND: &'static str;
    /// The version of its JSON document. It rises when a field is removed or changes its meaning.
    const VERSION: u32 = 1;

    /// The report for people.
    fn text(&self) -> Text;

    /// Remarks that are not data, a line each.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

#[derive(Serialize)]
struct Envelope<'a, R> {
    version: u32,
    command: &'static str,
    #[serde(flatten)]
    report: &'a R,
}

impl Io {
    /// Writes a report and its remarks.
    ///
    /// # Errors
    /// [`CliError`] if it has no JSON form, or the stream fails; a reader that closed it is not an error.
    pub fn report<R: Report>(&mut self, format: Format, report: &R) -> Result<(), CliError> {
        match format {
            Format::Text => self.print(&report.text())?,
            Format::Json => self.document(R::COMMAND, R::VERSION, report)?,
        }
        self.notes(&report.notes());
        Ok(())
    }

    /// Writes a result for machines: one JSON object with the version of its form, the command, and the fields of `content`.
    ///
    /// # Errors
    /// [`CliError`] if it has no JSON form, or the stream fails; a reader that closed it is not an error.
    pub fn document(
        &mut self,
        command: &'static str,
        version: u32,
        content: &impl Serialize,
    ) -> Result<(), CliError> {
        let envelope = Envelope {
            version,
            command,
            report: content,
        };
        let mut json = serde_json::to_string_pretty(&envelope)
            .map_err(|error| CliError::caused(Exit::Failed, "printing the result", error))?;
        json.push('\n');
        self.json(&json)
    }
}
