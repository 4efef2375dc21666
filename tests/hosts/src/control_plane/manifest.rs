//! What a static Pod's manifest says a program is started with.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invocation {
    /// The program's name.
    pub(super) program: String,
    /// Its arguments.
    pub(super) arguments: Vec<String>,
}

impl Invocation {
    /// Reads it from `<root>/etc/kubernetes/manifests/<program>.yaml`.
    pub(super) fn read(root: &Path, program: &str) -> Result<Self> {
        let path = root
            .join("etc/kubernetes/manifests")
            .join(format!("{program}.yaml"));
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Self::of(&text).with_context(|| format!("{} starts no program", path.display()))
    }

    fn of(manifest: &str) -> Option<Self> {
        let pod: Value = serde_yaml::from_str(manifest).ok()?;
        let command = pod.pointer("/spec/containers/0/command")?.as_array()?;
        let mut words = command.iter().map(|word| word.as_str().map(str::to_owned));
        Some(Self {
            program: words.next()??,
            arguments: words.collect::<Option<_>>()?,
        })
    }

    /// The value of `--name=value`.
    pub(super) fn flag(&self, name: &str) -> Option<&str> {
        let value = |argument: &'_ str| -> Option<usize> {
            argument
                .strip_prefix("--")?
                .strip_prefix(name)?
                .starts_with('=')
                .then_some(name.len() + 3)
        };
        self.arguments
            .iter()
            .find_map(|argument| argument.get(value(argument)?..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_and_its_flags_are_read() {
        let text = "spec:\n  containers:\n  - command:\n    - etcd\n    - --name=cp1\n    - --names=x\n    - --extra=a=b\n";
        let invocation = Invocation::of(text).unwrap();
        assert_eq!(invocation.program, "etcd");
        assert_eq!(invocation.flag("name"), Some("cp1"));
        assert_eq!(invocation.flag("extra"), Some("a=b"));
        assert_eq!(invocation.flag("nam"), None);
        assert_eq!(Invocation::of("spec: {}"), None);
    }
}
