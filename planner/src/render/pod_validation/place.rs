//! Where a value is in the Pod, and where it comes from.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::config::provenance::{Origin, Provenance};
use crate::patches::provenance::{PATCH, item_label, member};
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
    /// The label of the nearest list item around it, if that is not a container.
    item: Option<String>,
    /// The label of another value that the same field of the configuration sets.
    other: Option<String>,
}

impl Place {
    pub(super) fn root(name: &str) -> Self {
        Self {
            path: name.to_owned(),
            label: name.to_owned(),
            item: None,
            other: None,
        }
    }

    /// A field, or the key of a mapping.
    pub(super) fn field(&self, name: &str) -> Self {
        Self {
            path: member(&self.path, name),
            label: member(&self.label, name),
            ..self.clone()
        }
    }

    /// A container of the list `containers`, which the rows of provenance name by its position.
    pub(super) fn container(&self, position: usize) -> Self {
        Self {
            path: format!("{}[{position}]", self.path),
            label: format!("{}[{position}]", self.label),
            ..self.clone()
        }
    }

    /// An item of a list, which the rows of provenance name by its name, if it has one.
    pub(super) fn item(&self, position: usize, item: &Value) -> Self {
        let label = format!("{}[{}]", self.label, item_label(item, position));
        Self {
            path: format!("{}[{position}]", self.path),
            item: Some(label.clone()),
            label,
            ..self.clone()
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

/// The Pod around a container.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) place: &'a Place,
    pub(super) spec: &'a Value,
    /// The names of the Pod's volumes.
    pub(super) volumes: &'a BTreeSet<&'a str>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// Where the values of a Pod come from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Rows of values that the Pod has.
    pub rows: &'a [ValueSource],
    /// Rows of values that patches removed.
    pub removed: &'a [ValueSource],
    /// The patch files that apply to the Pod.
    pub patches: &'a [&'a str],
    /// Where fields of the configuration were written.
    pub provenance: &'a Provenance,
}

/// What was found so far.
pub(super) struct Findings<'a> {
    sources: Sources<'a>,
    lines: Vec<String>,
}

impl<'a> Findings<'a> {
    pub(super) const fn new(sources: Sources<'a>) -> Self {
        Self {
            sources,
            lines: Vec::new(),
        }
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// Adds a finding about `field` of `place`, or about `place` itself if `field` is empty. `own` is the name of the field in an item
    /// of `extraVolumes` or `extraEnvs`.
    pub(super) fn say(&mut self, place: &Place, field: &str, own: &str, why: &str) {
        self.push(place, field, own, &[], why);
    }

    /// As [`say`](Self::say), about a value that contradicts those at `others`: the user may have set one of them.
    pub(super) fn contradiction(
        &mut self,
        place: &Place,
        field: &str,
        others: &[Place],
        why: &str,
    ) {
        self.push(place, field, "", others, why);
    }

    /// As [`contradiction`](Self::contradiction), of values that the configuration alone never makes: only patches are named.
    pub(super) fn by_patches(&mut self, place: &Place, field: &str, others: &[Place], why: &str) {
        let place = place.field(field);
        let sources = std::iter::once(&place).chain(others);
        let patch = sources
            .filter_map(|place| self.source(place))
            .find(|source| is_patch(source));
        let from = patch.map(str::to_owned).or_else(|| self.patches());
        self.line(from, &place, why);
    }

    /// As [`say`](Self::say), about the item at `place` whose name another item of the list has.
    pub(super) fn duplicate(&mut self, place: &Place, why: &str) {
        self.push(place, "name", "name", std::slice::from_ref(place), why);
    }

    fn push(&mut self, place: &Place, field: &str, own: &str, others: &[Place], why: &str) {
        let place = match field {
            "" => place.clone(),
            field => place.field(field),
        };
        let from = self.from(&place, own, others);
        self.line(from, &place, why);
    }

    fn line(&mut self, from: Option<String>, place: &Place, why: &str) {
        if self.lines.len() > MAX_FINDINGS {
            return;
        }
        if self.lines.len() == MAX_FINDINGS {
            self.lines
                .push("further findings are not listed".to_owned());
            return;
        }
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
        self.source(place)
            .is_some_and(|source| source.ends_with(']') || is_patch(source))
    }

    /// Whether an item of `extraVolumes` sets the value.
    pub(super) fn is_extra(&self, place: &Place) -> bool {
        self.source(place)
            .is_some_and(|source| source.ends_with(']'))
    }

    /// The patch, the field of the configuration or the flag that sets the value at `place`, or one of those at `others`: with its
    /// place, if that is known. A patch comes first, because the configuration alone makes values that fit each other.
    fn from(&self, place: &Place, own: &str, others: &[Place]) -> Option<String> {
        let own_source = self.source(place);
        let mut sources = own_source
            .into_iter()
            .chain(others.iter().filter_map(|other| self.source(other)));
        let patched = sources.clone().find(|source| is_patch(source));
        if let Some(source) = patched.or_else(|| sources.next()) {
            return Some(self.written(source, own));
        }
        self.patches()
    }

    /// The patches of the Pod, if it is not known which of them counts.
    fn patches(&self) -> Option<String> {
        match self.sources.patches {
            [] => None,
            [patch] => Some(format!("{PATCH}{patch}")),
            patches => Some(format!("one of the patches {}", patches.join(", "))),
        }
    }

    /// A source as the user knows it.
    fn written(&self, source: &str, own: &str) -> String {
        let field = match (own, source.ends_with(']')) {
            ("", _) | (_, false) => source.to_owned(),
            (own, true) => format!("{source}.{own}"),
        };
        let mut path = field.as_str();
        loop {
            match self.sources.provenance.at(path) {
                Some(Origin::Written { file, line }) => return format!("{file}:{line}: {field}"),
                Some(Origin::Flag { name }) => return format!("--{name}: {field}"),
                _ => {}
            }
            match path.rfind(['.', '[']) {
                Some(at) => path = path.get(..at).unwrap_or_default(),
                None => return field,
            }
        }
    }

    fn source(&self, place: &Place) -> Option<&'a str> {
        let other = place.other.as_deref();
        self.row(&place.label)
            .or_else(|| other.and_then(|label| self.row(label)))
            // A patch that sets one field of an item can make another field wrong.
            .or_else(|| {
                let item = place.item.as_deref()?;
                self.row(item).filter(|source| is_patch(source))
            })
    }

    /// The row of the value itself, of the nearest value above it, or of one below it. A patch below comes first: it changed a
    /// part of what the row of the whole value says.
    fn row(&self, label: &str) -> Option<&'a str> {
        let is_below = |lower: &str, upper: &str| {
            lower
                .strip_prefix(upper)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        // Of two rows of equal length the last counts: that of a value which is there.
        let rows = || self.sources.removed.iter().chain(self.sources.rows);
        let above = rows()
            .filter(|row| is_below(label, &row.value))
            .max_by_key(|row| row.value.len());
        let below =
            || rows().filter(|row| row.value.len() > label.len() && is_below(&row.value, label));
        let by_patch = below().find(|row| is_patch(&row.from));
        let by_user = |row: &&ValueSource| row.from != KUBEADM_DEFAULT;
        by_patch
            .or_else(|| above.filter(by_user))
            .or_else(|| below().find(by_user))
            .map(|row| row.from.as_str())
    }
}

fn is_patch(source: &str) -> bool {
    source.starts_with(PATCH)
}
