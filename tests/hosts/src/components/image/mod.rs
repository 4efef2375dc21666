//! Images of the programs, as archives that `ctr images import` reads: one layer with the static program in it.
//!
//! Names and tags are the planner's own list, so an image is here exactly if a planned node wants it. An archive whose
//! stamp still holds is left alone. The same programs give the same bytes.

mod layer;
mod packet_filter;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use kubeplan::config::{self, Source, valid::HostFacts};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::build::write;
use super::module::hex;
use super::{COMPONENTS, Module, Store, Version, releases};
use layer::{Layer, append, header};

/// What an image holds.
struct Recipe {
    /// The last part of the image's name.
    image: &'static str,
    /// Programs, and where they are in the image.
    programs: &'static [(&'static str, &'static str)],
    /// What runs when the Pod says nothing; manifests of kubeadm do, but for CoreDNS and the sandbox.
    entrypoint: Option<&'static str>,
    /// Whether it holds nft and iptables, which kube-proxy starts.
    packet_filter: bool,
}

const fn one_program(
    image: &'static str,
    programs: &'static [(&'static str, &'static str)],
    entrypoint: Option<&'static str>,
) -> Recipe {
    Recipe {
        image,
        programs,
        entrypoint,
        packet_filter: false,
    }
}

const RECIPES: &[Recipe] = &[
    one_program(
        "kube-apiserver",
        &[("kube-apiserver", "usr/local/bin/kube-apiserver")],
        None,
    ),
    one_program(
        "kube-controller-manager",
        &[(
            "kube-controller-manager",
            "usr/local/bin/kube-controller-manager",
        )],
        None,
    ),
    one_program(
        "kube-scheduler",
        &[("kube-scheduler", "usr/local/bin/kube-scheduler")],
        None,
    ),
    one_program(
        "etcd",
        &[
            ("etcd", "usr/local/bin/etcd"),
            ("etcdctl", "usr/local/bin/etcdctl"),
        ],
        None,
    ),
    one_program("coredns", &[("coredns", "coredns")], Some("/coredns")),
    one_program("pause", &[("pause", "pause")], Some("/pause")),
    Recipe {
        image: "kube-proxy",
        programs: &[("kube-proxy", "usr/local/bin/kube-proxy")],
        entrypoint: None,
        packet_filter: true,
    },
];

/// An image that was made.
#[derive(Clone, Debug)]
pub struct ImageArchive {
    /// `repository/name:tag`.
    pub reference: String,
    /// The archive.
    pub path: PathBuf,
    /// Whether it is new.
    pub made: bool,
}

/// The images a node of `version` runs, as `kubeplan config images list` prints them.
///
/// # Errors
/// If the planner does not know the version.
pub fn references(version: Version) -> Result<Vec<String>> {
    let text = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint:\n  advertiseAddress: 192.168.10.11\n\
         nodeRegistration:\n  name: host1\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n\
         kubernetesVersion: {version}\n"
    );
    let source = Source {
        name: "the reference configuration",
        text: &text,
    };
    let loaded = config::load(&[source], HostFacts::default())
        .map_err(|report| anyhow::anyhow!("listing the images of {version}\n{report}"))?;
    Ok(kubeplan::render::images::list(&loaded.config)?)
}

/// Makes the images of both releases in `store` from its programs; those of packet filters from the host tree at `tree`.
///
/// # Errors
/// If a program is missing, or is not the one whose version the image's tag says.
pub fn build_images(store: &Store, tree: &Path) -> Result<Vec<ImageArchive>> {
    let [version, upgrade] = releases()?;
    let mut archives = Vec::new();
    for release in [version, upgrade] {
        for reference in references(release)? {
            let image = Image::of(&reference)?;
            // What is not of Kubernetes itself is the same in both releases.
            if release == version || image.tag == release.to_string() {
                image.check_tag(release)?;
                archives.push(image.archive(store, release, version, tree)?);
            }
        }
    }
    Ok(archives)
}

struct Image<'r> {
    reference: &'r str,
    tag: &'r str,
    recipe: &'static Recipe,
}

impl<'r> Image<'r> {
    fn of(reference: &'r str) -> Result<Self> {
        let (path, tag) = reference
            .rsplit_once(':')
            .with_context(|| format!("{reference} has no tag"))?;
        let name = path.rsplit('/').next().unwrap_or(path);
        let recipe = RECIPES
            .iter()
            .find(|recipe| recipe.image == name)
            .with_context(|| {
                format!("nothing here makes the image {reference}; add a recipe for `{name}`")
            })?;
        Ok(Self {
            reference,
            tag,
            recipe,
        })
    }

    /// Fails if the tag says another version than the program in the image has.
    fn check_tag(&self, release: Version) -> Result<()> {
        let Some((program, _)) = self.recipe.programs.first() else {
            bail!("the image {} holds no program", self.reference);
        };
        let component = COMPONENTS
            .iter()
            .find(|component| component.name == *program)
            .with_context(|| format!("{program} is no component"))?;
        let pinned = match component.module {
            Module::Pause => return Ok(()),
            Module::Kubernetes => release.to_string(),
            other => other.version()?,
        };
        let tag = self.tag.trim_start_matches('v');
        // etcd's tag has the number of the image's own revision behind it.
        let version = tag.split_once('-').map_or(tag, |(version, _)| version);
        ensure!(
            version == pinned.trim_start_matches('v'),
            "the planner wants {}, but tests/components/ pins {program} {pinned}",
            self.reference
        );
        Ok(())
    }

    fn archive(
        &self,
        store: &Store,
        release: Version,
        base: Version,
        tree: &Path,
    ) -> Result<ImageArchive> {
        let path = store
            .images(release)
            .join(format!("{}.tar", self.recipe.image));
        let mut programs = Vec::new();
        let mut made_from = format!("{}\n", self.reference);
        for (program, place) in self.recipe.programs {
            let own = store.programs(release).join(program);
            let found = if own.is_file() {
                own
            } else {
                store.programs(base).join(program)
            };
            let metadata = fs::metadata(&found).with_context(|| {
                format!(
                    "looking for {}; `cargo xtask components` builds it",
                    found.display()
                )
            })?;
            made_from.push_str(&format!(
                "{place} {} {:?}\n",
                metadata.len(),
                metadata.modified()?
            ));
            programs.push((found, *place));
        }
        if self.recipe.packet_filter {
            made_from.push_str(&format!("{}\n", tree.display()));
        }
        let stamp = store.stamp(release, &format!("{}.image", self.recipe.image));
        let is_there =
            path.is_file() && fs::read_to_string(&stamp).is_ok_and(|text| text == made_from);
        if !is_there {
            let packet_filter = self.recipe.packet_filter.then_some(tree);
            self.make(&path, &programs, packet_filter)
                .with_context(|| format!("making {}", path.display()))?;
            write(&stamp, &made_from)?;
        }
        Ok(ImageArchive {
            reference: self.reference.to_owned(),
            path,
            made: !is_there,
        })
    }

    fn make(
        &self,
        path: &Path,
        programs: &[(PathBuf, &str)],
        packet_filter: Option<&Path>,
    ) -> Result<()> {
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let mut layer = Layer::new(tempfile::NamedTempFile::new_in(directory)?);
        layer.directory("tmp", 0o1777)?;
        for (program, place) in programs {
            layer.program(program, place)?;
        }
        if let Some(tree) = packet_filter {
            packet_filter::add(&mut layer, tree)?;
        }
        let (layer, digest) = layer.finish()?;
        let config = json!({
            "architecture": std::env::consts::ARCH.replace("x86_64", "amd64").replace("aarch64", "arm64"),
            "os": "linux",
            "config": {
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "Entrypoint": self.recipe.entrypoint.map(|program| [program]),
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
        })
        .to_string();
        let config_name = format!("{}.json", hex(&Sha256::digest(&config)));
        let manifest =
            json!([{"Config": config_name, "RepoTags": [self.reference], "Layers": ["layer.tar"]}])
                .to_string();
        let fresh = tempfile::NamedTempFile::new_in(directory)?;
        let mut archive = tar::Builder::new(fresh);
        append(&mut archive, "manifest.json", manifest.as_bytes())?;
        append(&mut archive, &config_name, config.as_bytes())?;
        let mut header = header(0o644, layer.as_file().metadata()?.len());
        archive.append_data(&mut header, "layer.tar", layer.reopen()?)?;
        let fresh = archive.into_inner()?;
        // A scratch file is its owner's alone; an archive is for everybody who may import it.
        fs::set_permissions(
            fresh.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o644),
        )?;
        fresh.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_a_node_wants_has_a_recipe_of_the_pinned_version() {
        let [version, upgrade] = releases().unwrap();
        for release in [version, upgrade] {
            let references = references(release).unwrap();
            assert_eq!(references.len(), RECIPES.len());
            for reference in &references {
                Image::of(reference).unwrap().check_tag(release).unwrap();
            }
        }
    }

    #[test]
    fn a_tag_of_another_version_is_refused() {
        let [version, upgrade] = releases().unwrap();
        let image = Image::of("registry.k8s.io/etcd:3.5.1-0").unwrap();
        let error = image.check_tag(version).unwrap_err().to_string();
        assert!(
            error.contains("wants registry.k8s.io/etcd:3.5.1-0") && error.contains("pins etcd v3."),
            "{error}"
        );
        let reference = format!("registry.k8s.io/kube-proxy:{upgrade}");
        assert!(Image::of(&reference).unwrap().check_tag(version).is_err());
        assert!(Image::of("registry.k8s.io/unknown:v1").is_err());
    }

    #[test]
    fn the_same_program_gives_the_same_archive() {
        let scratch = tempfile::tempdir().unwrap();
        let program = scratch.path().join("pause");
        fs::write(&program, "a program").unwrap();
        let image = Image::of("registry.k8s.io/pause:3.10.2").unwrap();
        let bytes = |name: &str| {
            let path = scratch.path().join(name);
            image
                .make(&path, &[(program.clone(), "pause")], None)
                .unwrap();
            fs::read(path).unwrap()
        };
        assert_eq!(bytes("one.tar"), bytes("two.tar"));
        let mut archive =
            tar::Archive::new(fs::File::open(scratch.path().join("one.tar")).unwrap());
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(
            (names[0].as_str(), names[2].as_str(), names.len()),
            ("manifest.json", "layer.tar", 3)
        );
    }
}
