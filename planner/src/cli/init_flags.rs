//! The flags of `kubeadm init` as arguments of kubeplan, made from the list in `config::flags`.

use clap::builder::OsStringValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use kubeplan_terminal::CliError;

use crate::config::flags::{FLAGS, Form, Given};

/// The flags of `kubeadm init` that were given on the command line.
#[derive(Clone, Debug, Default)]
pub(super) struct InitFlags(Vec<Given>);

impl InitFlags {
    /// Returns the flags. With a configuration file, refuses those that kubeadm does not accept beside one.
    pub(super) fn take(&self, files: bool) -> Result<&[Given], CliError> {
        let mixed: Vec<&Given> = self
            .0
            .iter()
            .filter(|given| files && !given.flag.beside_file)
            .collect();
        if mixed.is_empty() {
            return Ok(&self.0);
        }
        let names: Vec<String> = mixed
            .iter()
            .map(|given| format!("--{}", given.flag.name))
            .collect();
        let fields: Vec<String> = mixed.iter().map(|given| given.flag.field()).collect();
        Err(CliError::usage(format!(
            "{} cannot be combined with a configuration file",
            names.join(", ")
        ))
        .hint(format!("set {} in the file", fields.join(", "))))
    }

    /// Whether no flag was given.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl clap::Args for InitFlags {
    fn augment_args(mut command: Command) -> Command {
        for flag in FLAGS {
            let mut arg = Arg::new(flag.name)
                .long(flag.name)
                .value_name(flag.value_name)
                .help(flag.help)
                .help_heading("Instead of a configuration file, as with kubeadm init")
                .action(ArgAction::Append);
            arg = match flag.form {
                Form::Bool => arg
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true"),
                // Accepted in any form, so that no error about its form can print the secret.
                Form::Secret => arg.num_args(0..=1).value_parser(OsStringValueParser::new()),
                _ => arg,
            };
            command = command.arg(arg);
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for InitFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Vec::new();
        for flag in FLAGS {
            if matches.value_source(flag.name) != Some(ValueSource::CommandLine) {
                continue;
            }
            let texts = if flag.form == Form::Secret {
                Vec::new()
            } else {
                matches
                    .get_many::<String>(flag.name)
                    .map(|texts| texts.cloned().collect())
                    .unwrap_or_default()
            };
            given.push(Given { flag, texts });
        }
        Ok(Self(given))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
