//! Errors in the arguments, and help.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use kubeplan_bundle::exit::Exit;

use crate::escape::escape;
use crate::io::Io;
use crate::text::Text;

impl Io {
    /// Writes the error in the arguments, or the help or version that was asked for. Returns the exit code.
    pub fn usage(&mut self, error: &clap::Error) -> Exit {
        let rendered = error.render();
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        ) {
            return match self.help(&rendered) {
                Ok(()) => Exit::Done,
                Err(_) => Exit::Failed,
            };
        }
        let mut text = Text::new();
        text.content(&without_foreign_lines(rendered.to_string(), error));
        self.misuse(&text);
        Exit::Usage
    }
}

/// `said` with arguments that are cited on one line. They are cited as they are, and a file name among them may have been chosen by
/// another user.
fn without_foreign_lines(mut said: String, error: &clap::Error) -> String {
    for (kind, value) in error.context() {
        if matches!(kind, ContextKind::Usage) {
            continue;
        }
        let words = match value {
            ContextValue::String(word) => std::slice::from_ref(word),
            ContextValue::Strings(words) => words,
            _ => continue,
        };
        for word in words {
            // clap removes what it takes for a style from its text.
            let cited = StyledStr::from(word).to_string();
            if !cited.is_empty() && (cited.contains('\n') || cited != *word) {
                said = said.replace(&cited, &escape(word));
            }
        }
    }
    said
}
