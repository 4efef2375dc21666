//! Reads several sources, checks them, names nameless images and merges what the sources have.
//!
//! In: opened sources, wanted platforms, names that the user gives. Out: [`Contents`] and every [`Refusal`]: one broken image does not
//! hide what is wrong with another.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kubeplan_bundle::digest::Sha256Digest;

use super::check;
use super::image::{Blob, Image, Name, Skipped};
use super::platform::Platform;
use super::reference::Reference;
use super::refusal::{Conflict, Fault, InEntry, Refusal};
use super::source::{Draft, Source};
use super::tree::Tree;

/// A source that was opened.
pub struct Opened {
    /// As the user named it.
    pub name: String,
    /// Its files.
    pub tree: Arc<dyn Tree>,
}

/// A name that the user gives to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The source, as the user names it.
    pub source: String,
    /// The image; `None` for the only one, or the only one without a name.
    pub digest: Option<Sha256Digest>,
    /// The name.
    pub name: Name,
}

/// What sources have.
#[derive(Debug, Default)]
pub struct Contents {
    /// The images, in the order of the sources.
    pub images: Vec<Image>,
    /// Every blob that the images need, each once.
    pub blobs: BTreeMap<Sha256Digest, Blob>,
    /// Entries that are not images.
    pub skipped: Vec<Skipped>,
    /// Names that the user gave and that fit no image.
    pub unused: Vec<Given>,
}

/// Reads sources, and checks every layer once. Calls `progress` with how many layers are done, from several threads.
pub fn read(
    sources: &[Opened],
    wanted: &[Platform],
    given: &[Given],
    progress: &(dyn Fn(usize, usize) + Sync),
) -> (Contents, Vec<Refusal>) {
    let mut contents = Contents::default();
    let mut refusals = Vec::new();
    let mut layers = Vec::new();
    let mut used = vec![false; given.len()];
    for opened in sources {
        let mut source = Source::new(&opened.name, Arc::clone(&opened.tree), wanted);
        source.read();
        let drafts = std::mem::take(&mut source.drafts);
        let names = Naming::of(&opened.name, given, &drafts);
        for draft in drafts {
            match names.name(draft, &mut used) {
                Ok(image) => contents.images.push(image),
                Err(refused) => source.refuse(refused),
            }
        }
        refusals.append(&mut source.refusals);
        layers.append(&mut source.layers);
        contents.skipped.append(&mut source.skipped);
        for (digest, blob) in source.blobs {
            contents.blobs.entry(digest).or_insert(blob);
        }
    }
    refusals.extend(check::check(&layers, progress));
    refusals.extend(conflicts(&contents.images));
    let unused = given.iter().zip(used).filter(|(_, used)| !used);
    contents.unused = unused.map(|(given, _)| given.clone()).collect();
    contents.keep_needed();
    (contents, refusals)
}

impl Contents {
    /// Drops blobs that no image needs, such as those of artifacts, and labels for blobs that are not there, such as those of other
    /// platforms.
    fn keep_needed(&mut self) {
        let needed: BTreeSet<Sha256Digest> = self.images.iter().flat_map(Image::digests).collect();
        self.blobs.retain(|digest, _| needed.contains(digest));
        for blob in self.blobs.values_mut() {
            blob.children.retain(|child| needed.contains(&child.digest));
        }
    }
}

/// Names that the user gives to the images of one source.
struct Naming<'a> {
    given: Vec<(usize, &'a Given)>,
    /// How many images there are, and how many of them have no name.
    images: usize,
    nameless: usize,
}

impl<'a> Naming<'a> {
    fn of(source: &str, given: &'a [Given], drafts: &[Draft]) -> Self {
        let given = given.iter().enumerate();
        Self {
            given: given.filter(|(_, given)| given.source == source).collect(),
            images: drafts.len(),
            nameless: drafts
                .iter()
                .filter(|draft| draft.written.is_empty())
                .count(),
        }
    }

    /// Gives an image the names that are written and those of the user.
    fn name(&self, draft: Draft, used: &mut [bool]) -> Result<Image, InEntry> {
        let Draft {
            mut image,
            written,
            tag,
        } = draft;
        let digests: Vec<Sha256Digest> = std::iter::once(image.target.digest)
            .chain(image.variants.iter().map(|variant| variant.manifest.digest))
            .chain(image.variants.iter().map(|variant| variant.config.digest))
            .collect();
        let shown = image.target.oci_digest();
        let place = format!("image {}", written.first().unwrap_or(&shown));
        for written in &written {
            let Some(reference) = Reference::parse(written) else {
                return Err(InEntry::of(&place)(Fault::Name(written.clone())));
            };
            add(
                &mut image.names,
                Name {
                    written: written.clone(),
                    reference,
                },
            );
        }
        for (at, given) in &self.given {
            let fits = match &given.digest {
                Some(digest) => digests.contains(digest),
                None => self.images == 1 || (written.is_empty() && self.nameless == 1),
            };
            if fits {
                add(&mut image.names, given.name.clone());
                if let Some(used) = used.get_mut(*at) {
                    *used = true;
                }
            }
        }
        if image.names.is_empty() {
            return Err(Fault::Nameless { digest: shown, tag }.into());
        }
        // A name with a digest promises content. Of images that were made here, only the user can have said it.
        for name in &image.names {
            let Some(digest) = name.reference.digest() else {
                continue;
            };
            let promised = digests.iter().take(1 + image.variants.len());
            if !promised.clone().any(|own| digest == super::image::oci(own)) {
                return Err(InEntry::of(&place)(Fault::NameDigest {
                    expected: digest.to_owned(),
                    found: shown,
                }));
            }
        }
        Ok(image)
    }
}

fn add(names: &mut Vec<Name>, name: Name) {
    if !names.iter().any(|known| known.reference == name.reference) {
        names.push(name);
    }
}

/// Names that lead to different images for one platform. The same image may come from several sources.
fn conflicts(images: &[Image]) -> Vec<Refusal> {
    let mut seen: BTreeMap<(String, &Platform), (&Image, Sha256Digest)> = BTreeMap::new();
    let mut refusals = Vec::new();
    for image in images {
        for name in &image.names {
            for variant in &image.variants {
                let stored = name.reference.stored();
                match seen.entry((stored, &variant.chosen_for)) {
                    Entry::Vacant(vacant) => {
                        vacant.insert((image, variant.config.digest));
                    }
                    Entry::Occupied(known) => {
                        let (first, config) = known.get();
                        if *config == variant.config.digest {
                            continue;
                        }
                        refusals.push(
                            InEntry::from(Fault::Conflict(Box::new(Conflict {
                                name: name.written.clone(),
                                platform: variant.chosen_for.clone(),
                                expected: first.target.oci_digest(),
                                found: image.target.oci_digest(),
                                other: first.source.clone(),
                            })))
                            .of_source(&image.source),
                        );
                    }
                }
            }
        }
    }
    refusals
}
