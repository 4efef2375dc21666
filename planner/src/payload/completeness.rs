//! Compares the images that a plan needs with those that sources have.
//!
//! In: [`Need`]s, [`Contents`], the images that the user tells to ignore. Out: a [`Report`] of what is missing, of suspects to judge, and
//! of what will not work although it is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::contents::Contents;
use super::image::{Image, Variant, oci};
use super::platform::Platform;
use super::reference::Reference;
use super::uses::is_latest;

/// An image that something needs, on some platforms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The image as written.
    pub image: String,
    /// The platforms of the nodes that need it.
    pub platforms: BTreeSet<Platform>,
    /// What needs it: a place that a person finds.
    pub by: String,
    /// Whether it may be something else than an image.
    pub is_suspect: bool,
    /// Whether the kubelet asks the registry although the image is there.
    pub pulls_always: bool,
}

/// What is wrong with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// No source has it.
    Missing,
    /// No source has it, and it may not be needed.
    Suspect,
    /// It is not a valid reference.
    Invalid,
    /// The kubelet asks the registry for it although it is there.
    PullsAlways,
    /// Its tag is `latest`, which says nothing about which image it is.
    Latest,
}

impl Kind {
    /// The word for machines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
            Self::PullsAlways => "pulls-always",
            Self::Latest => "latest",
        }
    }

    /// Whether the plan is not complete with it.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self, Self::Missing | Self::Suspect | Self::Invalid)
    }
}

/// Something to say about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// The image, in full.
    pub image: String,
    /// The platforms that it is about.
    pub platforms: Vec<Platform>,
    /// What needs the image.
    pub by: Vec<String>,
    /// What is there instead, if that explains it.
    pub found: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let platforms: Vec<String> = self.platforms.iter().map(ToString::to_string).collect();
        let platforms = platforms.join(", ");
        let image = &self.image;
        match self.kind {
            Kind::Missing => write!(f, "no source has `{image}` for {platforms}")?,
            Kind::Suspect => write!(
                f,
                "`{image}` may be an image, and no source has it for {platforms}"
            )?,
            Kind::Invalid => write!(f, "`{image}` is not a valid image reference")?,
            Kind::PullsAlways => write!(f, "the kubelet pulls `{image}` although the node has it")?,
            Kind::Latest => write!(f, "`{image}` does not say which image it is")?,
        }
        match &self.found {
            Some(found) => write!(f, "; {found}"),
            None => Ok(()),
        }
    }
}

/// What the comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Findings, those that make the plan incomplete first.
    pub findings: Vec<Finding>,
    /// How many images are needed.
    pub needed: usize,
    /// Ignored names that nothing needs.
    pub unused: Vec<String>,
}

impl Report {
    /// Whether every needed image is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.findings.iter().any(|finding| finding.kind.is_error())
    }
}

/// One image and everything that needs it.
#[derive(Default)]
struct Merged {
    written: String,
    platforms: BTreeSet<Platform>,
    by: Vec<String>,
    pulled_by: Vec<String>,
    is_certain: bool,
}

/// Compares what is needed with what sources have. `ignored` are images, as written or in full, that need not be there.
#[must_use]
pub fn completeness(needed: &[Need], available: &Contents, ignored: &[String]) -> Report {
    let ignored: BTreeSet<String> = ignored.iter().map(|image| in_full(image)).collect();
    let mut merged: BTreeMap<String, Merged> = BTreeMap::new();
    let mut used = BTreeSet::new();
    for need in needed {
        let image = in_full(&need.image);
        if ignored.contains(&image) {
            used.insert(image);
            continue;
        }
        let merged = merged.entry(image).or_default();
        merged.written.clone_from(&need.image);
        merged.platforms.extend(need.platforms.iter().cloned());
        merged.is_certain |= !need.is_suspect;
        if !merged.by.contains(&need.by) {
            merged.by.push(need.by.clone());
        }
        if need.pulls_always {
            merged.pulled_by.push(need.by.clone());
        }
    }
    let mut findings = Vec::new();
    let certain = merged.values().filter(|merged| merged.is_certain).count();
    for (image, merged) in merged {
        judge(image, merged, available, &mut findings);
    }
    findings.sort_by_key(|finding| finding.kind);
    Report {
        findings,
        needed: certain,
        unused: ignored.difference(&used).cloned().collect(),
    }
}

fn in_full(image: &str) -> String {
    Reference::parse(image).map_or_else(|| image.to_owned(), |reference| reference.to_string())
}

fn judge(image: String, merged: Merged, available: &Contents, findings: &mut Vec<Finding>) {
    let finding = |kind, platforms, by, found| Finding {
        kind,
        image: image.clone(),
        platforms,
        by,
        found,
    };
    let Some(reference) = Reference::parse(&merged.written) else {
        findings.push(finding(Kind::Invalid, Vec::new(), merged.by, None));
        return;
    };
    let lacking: Vec<Platform> = merged
        .platforms
        .iter()
        .filter(|platform| !has(available, &reference, platform))
        .cloned()
        .collect();
    if !lacking.is_empty() {
        let kind = if merged.is_certain {
            Kind::Missing
        } else {
            Kind::Suspect
        };
        let found = instead(available, &reference);
        findings.push(finding(kind, lacking, merged.by.clone(), found));
    }
    let platforms = || merged.platforms.iter().cloned().collect();
    if !merged.pulled_by.is_empty() {
        findings.push(finding(
            Kind::PullsAlways,
            platforms(),
            merged.pulled_by,
            None,
        ));
    } else if merged.is_certain && is_latest(&reference) {
        findings.push(finding(Kind::Latest, platforms(), merged.by, None));
    }
}

/// Whether a source has the image for the platform: by its digest, whatever its name, or by its name.
fn has(available: &Contents, reference: &Reference, platform: &Platform) -> bool {
    available
        .images
        .iter()
        .flat_map(|image| image.variants.iter().map(move |variant| (image, variant)))
        .filter(|(_, variant)| variant.chosen_for == *platform)
        .any(|(image, variant)| match reference.digest() {
            Some(digest) => digests(image, variant).any(|own| own == digest),
            None => is_named(image, reference),
        })
}

/// The digests by which a registry has the image. Those of manifests that were made here are none.
fn digests<'a>(image: &'a Image, variant: &'a Variant) -> impl Iterator<Item = String> + 'a {
    let indexes = image
        .indexes
        .iter()
        .chain([&image.target, &variant.manifest]);
    indexes.map(|blob| oci(&blob.digest))
}

fn is_named(image: &Image, reference: &Reference) -> bool {
    let stored = reference.stored();
    let mut names = image.names.iter();
    names.any(|name| name.reference.stored() == stored)
}

/// What sources have in the place of an image.
fn instead(available: &Contents, reference: &Reference) -> Option<String> {
    let named: Vec<&Image> = available
        .images
        .iter()
        .filter(|image| is_named(image, reference))
        .collect();
    if let Some(image) = named.first() {
        let has: BTreeSet<String> = named
            .iter()
            .flat_map(|image| image.variants.iter().map(|v| v.platform.to_string()))
            .collect();
        let has: Vec<String> = has.into_iter().collect();
        return Some(format!("{} has it for {}", image.source, has.join(", ")));
    }
    let skipped = available.skipped.iter().find(|skipped| {
        Reference::parse(&skipped.name).is_some_and(|name| name.stored() == reference.stored())
    });
    if let Some(skipped) = skipped {
        return Some(format!(
            "in {} it is not an image, but {}",
            skipped.source, skipped.what
        ));
    }
    let of_repository = |image: &&Image| {
        let mut names = image.names.iter();
        names.any(|name| name.reference.repository() == reference.repository())
    };
    let image = available.images.iter().find(of_repository)?;
    let name = image
        .names
        .iter()
        .find(|name| name.reference.repository() == reference.repository())?;
    let other = format!(
        "{} has `{}`, which is {}",
        image.source,
        name.written,
        image.target.oci_digest()
    );
    Some(if reference.digest().is_some() && !image.is_original {
        format!("{other}: it was saved by Docker, which does not keep the digests of registries")
    } else {
        other
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::slice;

    use super::super::contents::{self, Opened};
    use super::super::open;
    use super::*;

    const APP: &str = "registry.example.com/team/app";
    const ONE: &str = "sha256:06aa55abe030ae1491a2fb63481b2806f057f7be5baf4a51cec0786b8d485869";
    const INDEX: &str = "sha256:7d01492fcf0d69f91c9b5b894fe935f2cf1ad50ada1a4b944730d2b3229d9c9b";

    fn available(samples: &[&str]) -> Contents {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/payload");
        let sources: Vec<Opened> = samples
            .iter()
            .map(|sample| {
                let mut opened = open::open(&directory.join(sample), &mut |_| {}).unwrap();
                opened.name = (*sample).to_owned();
                opened
            })
            .collect();
        let wanted = [Platform::linux("amd64"), Platform::linux("arm64")];
        let (contents, refusals) = contents::read(&sources, &wanted, &[], &|_, _| {});
        assert!(refusals.is_empty(), "{refusals:?}");
        contents
    }

    fn need(image: &str) -> Need {
        Need {
            image: image.to_owned(),
            platforms: [Platform::linux("amd64")].into(),
            by: "Pod p".to_owned(),
            is_suspect: false,
            pulls_always: false,
        }
    }

    fn told(need: &Need, available: &Contents) -> Vec<String> {
        let report = completeness(slice::from_ref(need), available, &[]);
        assert_eq!(
            report.is_complete(),
            report
                .findings
                .iter()
                .all(|finding| !finding.kind.is_error())
        );
        report.findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_image_is_there_by_name_or_by_digest() {
        let (one, both) = (
            available(&["oci/one.tar"]),
            available(&["oci/multi-arch-attestations.tar"]),
        );
        for (image, contents) in [
            (format!("{APP}:1"), &one),
            (format!("{APP}@{ONE}"), &one),
            (format!("{APP}:other@{ONE}"), &one),
            (format!("mirror.example.com/app@{ONE}"), &one),
            (format!("{APP}@{INDEX}"), &both),
            (format!("{APP}@{ONE}"), &both),
        ] {
            assert_eq!(told(&need(&image), contents), [""; 0], "{image}");
        }
    }

    #[test]
    fn what_is_missing_is_told_with_what_is_there_instead() {
        let one = available(&["oci/one.tar", "oci/with-artifact.tar"]);
        let saved = available(&["docker/docker20-single.tar"]);
        let mut arm64 = need(&format!("{APP}:1"));
        arm64.platforms = [Platform::linux("amd64"), Platform::linux("arm64")].into();
        let digest = format!("{APP}@{INDEX}");
        for (need, contents, expected) in [
            (need("nginx"), &one, "no source has `docker.io/library/nginx:latest` for linux/amd64".to_owned()),
            (arm64, &one, format!("no source has `{APP}:1` for linux/arm64; oci/one.tar has it for linux/amd64")),
            (need(&format!("{APP}:2")), &one, format!("no source has `{APP}:2` for linux/amd64; oci/one.tar has `{APP}:1`, which is {ONE}")),
            (
                need("registry.example.com/team/artifact:1"),
                &one,
                "no source has `registry.example.com/team/artifact:1` for linux/amd64; in oci/with-artifact.tar it is not an image, but application/vnd.example".to_owned(),
            ),
            (
                need(&digest),
                &saved,
                format!("no source has `{digest}` for linux/amd64; docker/docker20-single.tar has `{APP}:1`, which is {}: it was saved by Docker, which does not keep the digests of registries", saved.images[0].target.oci_digest()),
            ),
        ] {
            assert_eq!(told(&need, contents)[0], expected);
        }
        assert_eq!(
            told(&need("A B"), &one),
            ["`A B` is not a valid image reference"]
        );
    }

    #[test]
    fn suspects_are_asked_about_unless_they_are_there_or_ignored() {
        let one = available(&["oci/one.tar"]);
        let mut suspect = need("a.example/maybe:1");
        suspect.is_suspect = true;
        let asked = completeness(slice::from_ref(&suspect), &one, &[]);
        assert_eq!(asked.findings[0].kind, Kind::Suspect);
        assert_eq!(asked.findings[0].by, ["Pod p"]);
        assert!(!asked.is_complete());
        let ignored = [
            "a.example/maybe:1".to_owned(),
            "b.example/unused".to_owned(),
        ];
        let report = completeness(slice::from_ref(&suspect), &one, &ignored);
        assert_eq!(report.findings, []);
        assert_eq!(report.unused, ["b.example/unused:latest"]);
        suspect.image = format!("{APP}:1");
        assert!(completeness(&[suspect.clone()], &one, &[]).is_complete());
        // What is certain elsewhere is missing.
        suspect.image = "a.example/maybe:1".to_owned();
        let report = completeness(&[suspect, need("a.example/maybe:1")], &one, &[]);
        assert_eq!(report.findings[0].kind, Kind::Missing);
    }

    #[test]
    fn what_is_pulled_all_the_same_is_a_finding() {
        let contents = available(&["oci/two-names-one-image.tar"]);
        let mut always = need(&format!("{APP}:1"));
        always.pulls_always = true;
        let told_of = told(&always, &contents);
        assert_eq!(
            told_of,
            [format!(
                "the kubelet pulls `{APP}:1` although the node has it"
            )]
        );
        let latest = told(&need(&format!("{APP}:latest")), &contents);
        assert_eq!(
            latest,
            [format!("`{APP}:latest` does not say which image it is")]
        );
    }
}
