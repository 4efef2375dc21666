//! A source while it is read: its tree, what was found in it so far, what is wrong with it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::Arc;

use kubeplan_bundle::digest::Sha256Digest;

use super::check::Expected;
use super::document::{self, MAX_JSON, Saved};
use super::image::{Blob, Child, Descriptor, Image, Skipped};
use super::platform::Platform;
use super::refusal::{Fault, InEntry, Refusal};
use super::tree::{Found, Tree};

/// The most images in one docker archive.
const MAX_SAVED: u64 = 4096;

/// An image whose names were not looked at yet.
pub(super) struct Draft {
    pub(super) image: Image,
    /// Its names as written.
    pub(super) written: Vec<String>,
    /// The tag, if there is no name.
    pub(super) tag: Option<String>,
}

/// A source while it is read.
pub(super) struct Source<'a> {
    /// As the user named it.
    pub(super) name: &'a str,
    pub(super) tree: Arc<dyn Tree>,
    /// The directory of the layout in the tree: empty, or a path with a slash at its end.
    pub(super) prefix: String,
    pub(super) wanted: &'a [Platform],
    pub(super) drafts: Vec<Draft>,
    pub(super) blobs: BTreeMap<Sha256Digest, Blob>,
    pub(super) layers: Vec<Expected>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) refusals: Vec<Refusal>,
    /// Images that `manifest.json` has and `index.json` has not.
    pub(super) unmatched: Vec<Saved>,
    seen: BTreeSet<(Sha256Digest, Sha256Digest)>,
}

impl<'a> Source<'a> {
    pub(super) fn new(name: &'a str, tree: Arc<dyn Tree>, wanted: &'a [Platform]) -> Self {
        Self {
            name,
            tree,
            prefix: String::new(),
            wanted,
            drafts: Vec::new(),
            blobs: BTreeMap::new(),
            layers: Vec::new(),
            skipped: Vec::new(),
            refusals: Vec::new(),
            unmatched: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Reads everything but the content of layers.
    pub(super) fn read(&mut self) {
        if let Err(refused) = self.read_all() {
            self.refuse(refused);
        }
        if self.refusals.is_empty() && self.drafts.is_empty() {
            let skipped = self.skipped.iter();
            let what = skipped.map(|skipped| format!("{} ({})", skipped.name, skipped.what));
            self.refuse(Fault::NoImage(what.collect()).into());
        }
    }

    fn read_all(&mut self) -> Result<(), InEntry> {
        if let Some(directory) = self.directory("index.json")? {
            self.prefix = directory;
            let saved = self.saved()?.unwrap_or_default();
            self.read_layout(&saved)?;
            let unmatched = std::mem::take(&mut self.unmatched);
            self.read_saved(&unmatched);
            return Ok(());
        }
        if let Some(directory) = self.directory("manifest.json")? {
            self.prefix = directory;
            let saved = self.saved()?.unwrap_or_default();
            self.read_saved(&saved);
            return Ok(());
        }
        if self.directory("repositories")?.is_some() {
            return Err(Fault::Docker1.into());
        }
        let role = "index.json of an OCI layout, or manifest.json of a docker archive,";
        Err(Fault::Missing {
            role,
            cut_off: self.tree.is_cut_off(),
        }
        .into())
    }

    /// The directory of the file `base`: the top, or the only directory of the top that has it. With a slash at its end.
    fn directory(&self, base: &str) -> Result<Option<String>, InEntry> {
        let mut holders = self.tree.holders(base);
        if holders.iter().any(String::is_empty) {
            return Ok(Some(String::new()));
        }
        match (holders.pop(), holders.is_empty()) {
            (None, _) => Ok(None),
            (Some(only), true) => Ok(Some(format!("{only}/"))),
            (Some(last), false) => {
                holders.push(last);
                Err(Fault::SeveralLayouts(holders).into())
            }
        }
    }

    /// What `manifest.json` says, if it is there.
    fn saved(&self) -> Result<Option<Vec<Saved>>, InEntry> {
        let name = self.path("manifest.json");
        let Some(found) = self.tree.find(&name).map_err(InEntry::of(&name))? else {
            return Ok(None);
        };
        let bytes = self.document(&found)?;
        let is_list = bytes.trim_ascii_start().first() == Some(&b'[');
        if !is_list
            && self
                .tree
                .find(&self.path("version"))
                .ok()
                .flatten()
                .is_some()
        {
            return Err(Fault::DirTransport.into());
        }
        let saved: Vec<Saved> = document::json("manifest.json of a docker archive", &bytes)
            .map_err(InEntry::of(&name))?;
        if saved.len() as u64 > MAX_SAVED {
            return Err(InEntry::of(&name)(Fault::TooMany {
                what: "the number of images",
                limit: MAX_SAVED,
            }));
        }
        Ok(Some(saved))
    }

    /// A file's name in the tree.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Finds a file that must be there.
    pub(super) fn find(&self, name: &str, role: &'static str) -> Result<Found, InEntry> {
        let found = self.tree.find(name).map_err(InEntry::of(name))?;
        found.ok_or_else(|| self.missing(name, role))
    }

    pub(super) fn missing(&self, name: &str, role: &'static str) -> InEntry {
        InEntry::of(name)(Fault::Missing {
            role,
            cut_off: self.tree.is_cut_off(),
        })
    }

    /// Reads a document that must be there.
    pub(super) fn read_file(&self, name: &str, role: &'static str) -> Result<Vec<u8>, InEntry> {
        let found = self.find(name, role)?;
        self.document(&found)
    }

    fn document(&self, found: &Found) -> Result<Vec<u8>, InEntry> {
        if found.size > MAX_JSON {
            return Err(InEntry::of(&found.name)(Fault::TooMany {
                what: "the size of a document in bytes",
                limit: MAX_JSON,
            }));
        }
        self.bytes(found)
    }

    /// Reads a file whose size was limited.
    pub(super) fn bytes(&self, found: &Found) -> Result<Vec<u8>, InEntry> {
        let mut bytes = Vec::new();
        let read = self
            .tree
            .open(found)
            .and_then(|file| file.take(found.size).read_to_end(&mut bytes));
        read.map_err(Fault::Io).map_err(InEntry::of(&found.name))?;
        Ok(bytes)
    }

    pub(super) fn refuse(&mut self, refused: InEntry) {
        self.refusals.push(refused.of_source(self.name));
    }

    pub(super) fn add_blob(&mut self, descriptor: Descriptor, found: Found) {
        let (name, tree) = (self.name, &self.tree);
        self.blobs
            .entry(descriptor.digest)
            .or_insert_with(|| Blob::found(descriptor, name, tree, found));
    }

    pub(super) fn add_made(&mut self, descriptor: Descriptor, bytes: &[u8]) {
        let name = self.name;
        self.blobs
            .entry(descriptor.digest)
            .or_insert_with(|| Blob::made(descriptor, name, bytes));
    }

    /// Adds a layer and notes it for the check, once for each content that an image expects of it.
    pub(super) fn add_layer(&mut self, blob: Descriptor, found: Found, diff_id: Sha256Digest) {
        if self.seen.insert((blob.digest, diff_id)) {
            self.layers.push(Expected {
                source: self.name.to_owned(),
                tree: Arc::clone(&self.tree),
                found: found.clone(),
                blob: blob.clone(),
                diff_id,
            });
        }
        self.add_blob(blob, found);
    }

    /// Says what a manifest or index leads to.
    pub(super) fn label(&mut self, descriptor: &Descriptor, children: Vec<Child>) {
        if let Some(blob) = self.blobs.get_mut(&descriptor.digest) {
            blob.children = children;
        }
    }
}
