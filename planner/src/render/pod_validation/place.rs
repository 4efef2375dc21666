//! Where a value is in the Pod, and where it comes from.

use serde_json::Value;

use crate::config::provenance::{Origin, Provenance};
use crate::plan::ValueSource;
use crate::render::static_pod::flags::KUBEADM_DEFAULT;

/// The most findings of one Pod.
const MAX_FINDINGS: usize = 50;

/// A value of the Pod.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its path, list items by position: `spec.containers[0].env[1]`.
    path: String,
    /// Its path as in the rows of provenance, list items by name: `spec.containers[0].env[A]`.
    label: String,
    /// The label of another value that the same field of the configuration sets.
    other: Option<String>,
}

impl Place {
    pub(super) fn root(name: &str) -> Self {
        Self {
            path: name.to_owned(),
            label: name.to_owned(),
            other: None,
        }
    }

    /// A field.
    pub(super) fn field(&self, name: &str) -> Self {
        Self {
            path: format!("{}.{name}", self.path),
            label: format!("{}.{name}", self.label),
            other: self.other.clone(),
        }
    }

    /// An item of a list, which the rows of provenance name by its position.
    pub(super) fn at(&self, position: usize) -> Self {
        Self {
            path: format!("{}[{position}]", self.path),
            label: format!("{}[{position}]", self.label),
            other: self.other.clone(),
        }
    }

    /// An item of a list, which the rows of provenance name by its name, if it has one.
    pub(super) fn item(&self, position: usize, item: &Value) -> Self {
        let label = match item.get("name").and_then(Value::as_str) {
            Some(name) => format!("{}[{name}]", self.label),
            None => format!("{}[{position}]", self.label),
        };
        Self {
            label,
            ..self.at(position)
        }
    }

    /// The same value, which the field of the configuration behind `label` sets as well.
    pub(super) fn set_with(self, label: String) -> Self {
        Self {
            other: Some(label),
            ..self
        }
    }
}

/// What was found so far.
pub(super) struct Findings<'a> {
    sources: &'a [ValueSource],
    provenance: &'a Provenance,
    lines: Vec<String>,
}

impl<'a> Findings<'a> {
    pub(super) const fn new(sources: &'a [ValueSource], provenance: &'a Provenance) -> Self {
        Self {
            sources,
            provenance,
            lines: Vec::new(),
        }
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// Adds a finding about `field` of `place`, or about `place` itself if `field` is empty. `own` is the name of the field in an item
    /// of `extraVolumes` or `extraEnvs`.
    pub(super) fn say(&mut self, place: &Place, field: &str, own: &str, why: &str) {
        let place = match field {
            "" => place.clone(),
            field => place.field(field),
        };
        if self.lines.len() > MAX_FINDINGS {
            return;
        }
        if self.lines.len() == MAX_FINDINGS {
            self.lines
                .push("further findings are not listed".to_owned());
            return;
        }
        let from = self.from(&place, own);
        let line = match from {
            Some(from) => format!("{from} ({}): {why}", place.path),
            None => format!("{}: {why}", place.path),
        };
        if !self.lines.contains(&line) {
            self.lines.push(line);
        }
    }

    /// Whether an item of `extraVolumes` or a patch sets the value. Fields such as `certificatesDir` have defaults.
    pub(super) fn is_added(&self, place: &Place) -> bool {
        let source = self.source(place);
        source.is_some_and(|source| source.ends_with(']') || source.starts_with("patch "))
    }

    /// The field of the configuration or the patch that sets the value: with its place, if that is known.
    fn from(&self, place: &Place, own: &str) -> Option<String> {
        let source = self.source(place)?;
        let field = match (own, source.ends_with(']')) {
            ("", _) | (_, false) => source.to_owned(),
            (own, true) => format!("{source}.{own}"),
        };
        let mut path = field.as_str();
        loop {
            if let Some(Origin::Written { file, line }) = self.provenance.at(path) {
                return Some(format!("{file}:{line}: {field}"));
            }
            match path.rfind(['.', '[']) {
                Some(at) => path = path.get(..at).unwrap_or_default(),
                None => return Some(field),
            }
        }
    }

    fn source(&self, place: &Place) -> Option<&'a str> {
        let other = place.other.as_deref();
        self.row(&place.label)
            .or_else(|| other.and_then(|label| self.row(label)))
    }

    /// The row of the value itself, of the nearest value above it, or of one below it.
    fn row(&self, label: &str) -> Option<&'a str> {
        let is_below = |lower: &str, upper: &str| {
            lower
                .strip_prefix(upper)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let above = self
            .sources
            .iter()
            .filter(|row| is_below(label, &row.value))
            .max_by_key(|row| row.value.len());
        let below = || self.sources.iter().find(|row| is_below(&row.value, label));
        above
            .or_else(below)
            .map(|row| row.from.as_str())
            .filter(|from| *from != KUBEADM_DEFAULT)
    }
}
