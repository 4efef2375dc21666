//! The entries of an index: a list in plan order that finds an entry by its name without walking the list.

use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::{Entry, EntryName};

/// Entries in plan order. Dereferences to a `Vec`, and is serialised as one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Entries {
    list: Vec<Entry>,
    /// Positions in `list`, sorted by name; made when first needed, dropped when the list may change.
    #[serde(skip)]
    by_name: OnceLock<Vec<usize>>,
}

impl Entries {
    /// The entry with this name (the first of several: an index with several is refused).
    #[must_use]
    pub fn find(&self, name: &EntryName) -> Option<&Entry> {
        let by_name = self.by_name.get_or_init(|| {
            let mut positions: Vec<usize> = (0..self.list.len()).collect();
            // A stable sort.
            positions.sort_by_key(|position| self.name_at(*position));
            positions
        });
        let first = by_name.partition_point(|position| self.name_at(*position) < Some(name));
        by_name
            .get(first)
            .and_then(|position| self.list.get(*position))
            .filter(|entry| entry.name == *name)
    }

    fn name_at(&self, position: usize) -> Option<&EntryName> {
        self.list.get(position).map(|entry| &entry.name)
    }
}

impl Deref for Entries {
    type Target = Vec<Entry>;

    fn deref(&self) -> &Vec<Entry> {
        &self.list
    }
}

impl DerefMut for Entries {
    fn deref_mut(&mut self) -> &mut Vec<Entry> {
        self.by_name.take();
        &mut self.list
    }
}

impl From<Vec<Entry>> for Entries {
    fn from(list: Vec<Entry>) -> Self {
        Self {
            list,
            by_name: OnceLock::new(),
        }
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl IntoIterator for Entries {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Entries {}

#[cfg(test)]
mod tests {
    use super::super::testing::sample;

    #[test]
    fn an_entry_is_found_by_its_name_also_after_a_change() {
        let mut entries = sample().entries;
        for entry in &entries {
            assert_eq!(entries.find(&entry.name), Some(entry));
        }
        let other = "objects/01-a.yaml".parse().unwrap();
        assert_eq!(entries.find(&other), None);
        entries[1].name = other.clone();
        assert_eq!(entries.find(&other), Some(&entries[1]));
        let first = entries[0].clone();
        entries.push(first.clone());
        assert_eq!(entries.find(&first.name), Some(&entries[0]));
        entries.clear();
        assert_eq!(entries.find(&other), None);
        assert_eq!(entries, Vec::new().into());
    }
}
