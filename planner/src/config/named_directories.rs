//! Names the directories of patches that documents and flags set, also if the documents are not valid.
//!
//! In: documents, flags. Out: each directory with its place. Reads no directory: what is wrong with one is reported together with what is
//! wrong with the documents.

use super::Source;
use super::draft::Draft;
use super::flags::Given;
use super::load;
use super::options::Options;
use super::purpose::Purpose;
use crate::schema::Kind;

/// The field of a document that names a directory of patches.
const FIELD: &str = "patches.directory";

/// The flag that names one, of `kubeadm init` and of `kubeadm join`.
const FLAG: &str = "patches";

/// A directory of patches, as a field or a flag names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedDirectory {
    /// The directory.
    pub directory: String,
    /// The field that names it, such as `InitConfiguration.patches.directory`.
    pub field: String,
    /// The file of the field, or the flag with its dashes; empty if neither is known.
    pub file: String,
    /// The line of the field.
    pub line: Option<u64>,
}

/// What the names of directories are taken from.
#[derive(Clone, Debug)]
pub struct Naming {
    flags: Vec<Given>,
    lenient: bool,
}

impl Naming {
    /// The part of `options` that names directories.
    #[must_use]
    pub fn of(options: &Options) -> Self {
        Self {
            flags: options.flags.clone(),
            lenient: options.lenient,
        }
    }

    /// The directories that documents of a new cluster name for the nodes `wanted`, for all if it is empty.
    #[must_use]
    pub fn of_cluster(&self, sources: &[Source<'_>], wanted: &[String]) -> Vec<NamedDirectory> {
        self.of_flag().unwrap_or_else(|| {
            let draft = load::read(sources, self.lenient, Purpose::NewCluster);
            let mut found = Vec::new();
            let nodes = draft.items(Kind::Inventory, "nodes");
            // The field of InitConfiguration is about the nodes that have none of their own.
            let mut all_have_their_own = !nodes.is_empty();
            for node in nodes {
                let name = draft.text(Kind::Inventory, &format!("{node}.name"));
                if !wanted.is_empty() && !wanted.contains(&name) {
                    continue;
                }
                let own = named(&draft, Kind::Inventory, &format!("{node}.{FIELD}"));
                all_have_their_own &= own.is_some();
                found.extend(own);
            }
            if !all_have_their_own {
                found.extend(named(&draft, Kind::Init, FIELD));
            }
            found
        })
    }

    /// The directory that the documents of a node name that joins a running cluster.
    #[must_use]
    pub fn of_join(&self, sources: &[Source<'_>]) -> Vec<NamedDirectory> {
        self.of_flag().unwrap_or_else(|| {
            let draft = load::read(sources, self.lenient, Purpose::Join);
            named(&draft, Kind::Join, FIELD).into_iter().collect()
        })
    }

    /// The directory of the flag, which replaces those of documents.
    fn of_flag(&self) -> Option<Vec<NamedDirectory>> {
        let given = self.flags.iter().find(|given| given.flag.name == FLAG)?;
        let directory = given.texts.last()?;
        Some(vec![NamedDirectory {
            directory: directory.clone(),
            field: given.flag.field(),
            file: format!("--{}", given.flag.name),
            line: None,
        }])
    }
}

fn named(draft: &Draft, kind: Kind, path: &str) -> Option<NamedDirectory> {
    let directory = Some(draft.text(kind, path)).filter(|directory| !directory.is_empty())?;
    let field = draft.full_path(kind, path);
    let (file, line) = draft.place_of(&field);
    Some(NamedDirectory {
        directory,
        field,
        file,
        line,
    })
}
