//! `sources.json`: where each rendered value of a bundle came from.
//!
//! In and out: canonical JSON. It is public and signed, and the plan digest does not cover it: a comment in the configuration or another
//! name of its file changes no plan. It never has a value, an absolute path or the name of a user; a file is named relative to the
//! directory of the first configuration file. Nothing is acted on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::index::{EntryName, SOURCES_NAME};
use crate::limits::{self, LimitError};

/// The format this crate reads and writes.
pub const FORMAT: &str = "kubeplan.io/sources/1";

/// Where the values of a bundle came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// Always [`FORMAT`].
    pub format: String,
    /// The files that were read, each once; `<stdin>` for standard input.
    pub files: Vec<String>,
    /// The values of each entry, in the order in which the planner rendered them.
    pub entries: BTreeMap<EntryName, Vec<Origin>>,
}

/// Where one value came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// A flag such as `--secure-port`, or a field path in the rendered document.
    pub value: String,
    /// A configuration field path, `facts: …`, `default: …`, or `cluster: …` for what a running cluster says.
    pub from: String,
    /// For a field that a file has: its position in [`Sources::files`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<u32>,
    /// For a field that a file has: its line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// Why `sources.json` cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// Not canonical JSON of the expected shape.
    #[error("`{SOURCES_NAME}` is not a canonical document of format {FORMAT}")]
    Canonical(#[from] CanonicalError),
    /// Another format.
    #[error("`{SOURCES_NAME}` has another format than {FORMAT}")]
    Format,
    /// Too large.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// An origin names a file that is not listed.
    #[error("an origin of `{entry}` in `{SOURCES_NAME}` names a file that is not listed")]
    File {
        /// The entry.
        entry: EntryName,
    },
    /// A file's name that may say something of the machine it was on.
    #[error(
        "`{SOURCES_NAME}` names the file `{0}`, which is not a relative path below the configuration's directory"
    )]
    Path(String),
}

impl Sources {
    /// Parses canonical bytes.
    ///
    /// # Errors
    /// [`SourcesError`] if they are not canonical, too large, or contradict themselves.
    pub fn parse(bytes: &[u8]) -> Result<Self, SourcesError> {
        limits::at_most(
            || format!("the size of `{SOURCES_NAME}` in bytes"),
            bytes.len() as u64,
            limits::SOURCES,
        )?;
        canonical::check_budget(bytes)?;
        let sources: Self = canonical::from_slice_checked(bytes, |_| Ok::<_, CanonicalError>(()))?;
        sources.check()?;
        Ok(sources)
    }

    /// The canonical bytes.
    ///
    /// # Errors
    /// [`SourcesError`] if the parts contradict each other, or there are too many for a document.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SourcesError> {
        self.check()?;
        let bytes = canonical::to_vec(self)?;
        limits::at_most(
            || format!("the size of `{SOURCES_NAME}` in bytes"),
            bytes.len() as u64,
            limits::SOURCES,
        )?;
        Ok(bytes)
    }

    fn check(&self) -> Result<(), SourcesError> {
        if self.format != FORMAT {
            return Err(SourcesError::Format);
        }
        if let Some(path) = self.files.iter().find(|path| !is_relative(path)) {
            return Err(SourcesError::Path(path.escape_debug().take(160).collect()));
        }
        let count = self.files.len();
        let is_listed = |file: u32| usize::try_from(file).is_ok_and(|file| file < count);
        for (entry, origins) in &self.entries {
            if !origins
                .iter()
                .filter_map(|origin| origin.file)
                .all(is_listed)
            {
                return Err(SourcesError::File {
                    entry: entry.clone(),
                });
            }
        }
        Ok(())
    }
}

/// Whether the path says nothing of directories above the configuration's, and has no character that is not shown as it is.
fn is_relative(path: &str) -> bool {
    !path.is_empty()
        && !path.starts_with('/')
        && !path.split('/').any(|part| part == "..")
        && path.chars().all(is_shown)
}

/// Whether a file's name may have the character: it is shown as it is, and changes nothing around it.
#[must_use]
pub fn is_shown(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Sources {
        let origin = |from: &str, place: Option<(u32, u32)>| Origin {
            value: "--secure-port".into(),
            from: from.into(),
            file: place.map(|(file, _)| file),
            line: place.map(|(_, line)| line),
        };
        Sources {
            format: FORMAT.into(),
            files: vec!["cluster.yaml".into(), "<stdin>".into()],
            entries: BTreeMap::from([(
                "files/etc/x".parse().unwrap(),
                vec![
                    origin("default: 6443", None),
                    origin("InitConfiguration.localAPIEndpoint.bindPort", Some((1, 7))),
                ],
            )]),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = sample().to_bytes().unwrap();
        assert_eq!(Sources::parse(&bytes).unwrap(), sample());
    }

    #[test]
    fn contradictions_and_paths_of_a_machine_are_refused() {
        type Break = fn(&mut Sources);
        let cases: &[(&str, Break)] = &[
            ("another format", |s| {
                s.format = "kubeplan.io/sources/2".into()
            }),
            ("not listed", |s| drop(s.files.pop())),
            ("not a relative path", |s| {
                s.files[0] = "/home/a/cluster.yaml".into()
            }),
            ("not a relative path", |s| {
                s.files[0] = "../a/cluster.yaml".into()
            }),
            ("not a relative path", |s| s.files[0] = String::new()),
            ("not a relative path", |s| s.files[0] = "a\u{1b}[2K".into()),
            ("not a relative path", |s| s.files[0] = "a\u{202e}b".into()),
        ];
        for (expected, change) in cases {
            let mut sources = sample();
            change(&mut sources);
            let error = sources.to_bytes().unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
            let bytes = canonical::to_vec(&sources).unwrap();
            assert!(Sources::parse(&bytes).is_err(), "{expected}");
        }
        assert!(Sources::parse(b"{}\n").is_err());
        assert!(Sources::parse(&sample().to_bytes().unwrap()[1..]).is_err());
    }
}
