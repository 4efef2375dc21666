//! Errors in the arguments, and help.

use std::ffi::OsString;

use clap::Command;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use kubeplan_bundle::exit::Exit;

use crate::escape::escape;
use crate::habits;
use crate::io::Io;
use crate::shell::quote;
use crate::text::Text;

impl Io {
    /// Writes the error that `command` found in `args` (the first is the program's name), with a hint if it knows what was meant, or
    /// the help or version that was asked for. Returns the exit code.
    pub fn usage(&mut self, error: &clap::Error, command: &Command, args: &[OsString]) -> Exit {
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
        let said = without_foreign_lines(rendered.to_string(), error);
        let (first, rest) = said.split_once('\n').unwrap_or((&said, ""));
        text.content(first);
        if let Some(hint) = hint(error, command, args) {
            text.line(format_args!("  hint: {hint}"));
        }
        text.content(rest);
        self.misuse(&text);
        Exit::Usage
    }
}

/// What the user probably meant.
fn hint(error: &clap::Error, command: &Command, args: &[OsString]) -> Option<String> {
    let cited = |kind| match error.get(kind)? {
        ContextValue::String(word) => Some(word.as_str()),
        _ => None,
    };
    let program = command.get_name();
    // Words that are not UTF-8 are not a command.
    let words: Vec<&str> = args
        .iter()
        .skip(1)
        .map_while(|word| word.to_str())
        .take_while(|word| !word.starts_with('-'))
        .collect();
    let (inner, known) = innermost(command, &words);
    match error.kind() {
        ErrorKind::InvalidSubcommand => habits::of_command(&words),
        ErrorKind::UnknownArgument => {
            let word = cited(ContextKind::InvalidArg)?;
            if word.starts_with('-') {
                return habits::of_flag(program, known, word);
            }
            let reads_files = inner
                .get_arguments()
                .any(|argument| argument.get_long() == Some("file"));
            let call = std::iter::once(program).chain(known.iter().copied());
            reads_files.then(|| {
                format!(
                    "name a configuration file with -f: `{} -f {}`",
                    call.collect::<Vec<_>>().join(" "),
                    quote(word)
                )
            })
        }
        _ => None,
    }
}

/// The command that the first of `words` name, and those words.
fn innermost<'a, 'b>(command: &'a Command, words: &'b [&'b str]) -> (&'a Command, &'b [&'b str]) {
    let mut inner = command;
    let mut depth = 0;
    while let Some(next) = words
        .get(depth)
        .and_then(|word| inner.find_subcommand(word))
    {
        (inner, depth) = (next, depth + 1);
    }
    (inner, words.get(..depth).unwrap_or_default())
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
