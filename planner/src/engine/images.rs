//! The images that a plan needs, from what is rendered for it and from manifests that the user adds.
//!
//! In: a [`Session`], extra manifests. Out: [`Need`]s with the platforms of the nodes that need each image.

use std::collections::BTreeSet;

use super::error::{EngineError, NodeError};
use super::outlines::{Prospect, fill};
use super::session::Session;
use crate::config::ValidConfig;
use crate::kubeadm::layout::MANIFESTS_DIR;
use crate::payload::Platform;
use crate::payload::completeness::Need;
use crate::payload::uses::{self, Uses};
use crate::pki::MaterialSource;
use crate::pki::stand_in::StandIn;
use crate::plan::{NodePlan, PlannedContent};
use crate::render::images;
use crate::yaml::read::{self, ReadError};

/// What a plan needs, and what cannot be seen.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// The images.
    pub needs: Vec<Need>,
    /// Objects whose images an operator chooses: where they are, and the operator.
    pub unseen: Vec<(String, &'static str)>,
}

/// A file with objects that are applied to the cluster besides those of the plan.
#[derive(Clone, Copy, Debug)]
pub struct Extra<'a> {
    /// The file, as the user names it.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
}

impl Session {
    /// The platforms of all nodes.
    #[must_use]
    pub fn platforms(&self) -> BTreeSet<Platform> {
        self.nodes().iter().map(platform).collect()
    }

    /// The images that the nodes need for what is planned: those of static Pods and of objects, as they are after patches, and the
    /// sandbox image. Objects run on every node.
    ///
    /// # Errors
    /// [`EngineError::Nodes`] with every node that cannot be planned.
    pub fn needed_images(&self, prospect: Prospect<'_>) -> Result<Needed, EngineError> {
        let stand_in = StandIn::new(self.first()?, prospect.now).map_err(EngineError::StandIn)?;
        let of_nodes = self.each(|_, config| {
            let outline = self.outline(config, false)?;
            let material = stand_in.material(config, prospect.held);
            let plan = fill(&outline, config, MaterialSource::Issued(&material))?;
            Ok::<_, NodeError>(of_node(config, &plan))
        })?;
        let everywhere = self.platforms();
        let mut needed = Needed::default();
        for (own, objects) in of_nodes {
            needed.needs.extend(own);
            for (by, uses) in objects {
                needed.add(uses, &everywhere, |_| by.clone());
            }
        }
        Ok(needed)
    }
}

impl Needed {
    /// Adds the images of extra objects, which may run on nodes of all `platforms`.
    ///
    /// # Errors
    /// [`ReadError`] if the text is not valid YAML.
    pub fn add_extra(
        &mut self,
        extra: Extra<'_>,
        platforms: &BTreeSet<Platform>,
    ) -> Result<(), ReadError> {
        let uses = uses::find(&read::read(extra.text)?);
        let file = extra.file;
        self.add(uses, platforms, |line| match line {
            Some(line) => format!("{file}:{line}"),
            None => file.to_owned(),
        });
        Ok(())
    }

    /// Adds what was found in one text. `place` gives the text's place, with a line if there is one.
    fn add(
        &mut self,
        uses: Uses,
        platforms: &BTreeSet<Platform>,
        place: impl Fn(Option<u64>) -> String,
    ) {
        self.needs.extend(uses.images.into_iter().map(|found| Need {
            by: format!(
                "{}: {} {}",
                place(Some(found.line)),
                found.object,
                found.field
            ),
            image: found.image,
            platforms: platforms.clone(),
            is_suspect: found.is_suspect,
            pulls_always: found.pulls_always,
        }));
        let unseen = uses.unseen.into_iter();
        self.unseen.extend(
            unseen.map(|(object, operator)| (format!("{}: {object}", place(None)), operator)),
        );
    }
}

/// The platform of a node.
fn platform(config: &ValidConfig) -> Platform {
    let platform = &config.node.platform;
    Platform::new(&platform.os, &platform.arch, "")
}

/// What a node needs for itself, and the uses in the objects of its plan.
fn of_node(config: &ValidConfig, plan: &NodePlan) -> (Vec<Need>, Vec<(String, Uses)>) {
    let own: BTreeSet<Platform> = [platform(config)].into();
    let node = &config.node.name;
    let mut needed = Needed::default();
    for entry in &plan.entries {
        let path = entry.placement.path.as_str();
        if let PlannedContent::Public(bytes) = &entry.content
            && path.starts_with(MANIFESTS_DIR)
        {
            needed.add(rendered(bytes), &own, |_| format!("node {node}: {path}"));
        }
    }
    needed.needs.push(Need {
        image: images::sandbox(config),
        platforms: own,
        by: format!("node {node}: the sandbox of every Pod"),
        is_suspect: false,
        pulls_always: false,
    });
    let objects = plan
        .live
        .objects
        .iter()
        .filter_map(|object| match &object.content {
            PlannedContent::Public(bytes) => Some((object.entry.to_string(), rendered(bytes))),
            PlannedContent::Directory | PlannedContent::Secret { .. } => None,
        });
    (needed.needs, objects.collect())
}

/// The uses in a text of our own, which is valid YAML.
fn rendered(bytes: &[u8]) -> Uses {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    read::read(text).map_or_else(|_| Uses::default(), |documents| uses::find(&documents))
}

#[cfg(test)]
mod tests {
    use kubeplan_bundle::timestamp::Timestamp;

    use super::super::observer::Silent;
    use super::super::testing::Directories;
    use super::super::{Choices, Session};
    use super::*;
    use crate::config::{Options, Source};

    const TWO: &str = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
controlPlaneEndpoint: api.example.com:6443
---
apiVersion: kubeplan.io/v1alpha1
kind: Cluster
nodes:
- {name: a, role: control-plane, address: 10.0.0.11, patches: {directory: p}}
- {name: w, role: worker, address: 10.0.0.12, platform: {os: linux, arch: arm64}}
";

    fn needed() -> (Session, Needed) {
        let sources = [Source {
            name: "c.yaml",
            text: TWO,
        }];
        let patch = "spec: {containers: [{name: kube-scheduler, image: 'a.example/scheduler:1'}]}";
        let directories = Directories([("p", vec![("kube-scheduler.yaml", patch)])].into());
        let session = Session::open(
            &sources,
            Options::default(),
            &Choices::default(),
            &directories,
            &mut Silent,
        )
        .unwrap();
        let now = Timestamp::from_unix_seconds(1_764_500_000).unwrap();
        let needed = session.needed_images(Prospect::of_new_keys(now)).unwrap();
        (session, needed)
    }

    #[test]
    fn images_are_those_of_what_is_rendered_for_the_platforms_that_run_them() {
        let (_, needed) = needed();
        let platforms = |image: &str| -> Vec<String> {
            let needs = needed.needs.iter().filter(|need| need.image == image);
            let all: BTreeSet<String> = needs
                .flat_map(|need| need.platforms.iter().map(ToString::to_string))
                .collect();
            all.into_iter().collect()
        };
        for (image, expected) in [
            (
                "registry.k8s.io/kube-apiserver:v1.36.2",
                &["linux/amd64"][..],
            ),
            ("registry.k8s.io/etcd:3.6.8-0", &["linux/amd64"]),
            // Patched: the image that kubeadm would list is not needed.
            ("a.example/scheduler:1", &["linux/amd64"]),
            ("registry.k8s.io/kube-scheduler:v1.36.2", &[]),
            (
                "registry.k8s.io/kube-proxy:v1.36.2",
                &["linux/amd64", "linux/arm64"],
            ),
            (
                "registry.k8s.io/coredns/coredns:v1.14.2",
                &["linux/amd64", "linux/arm64"],
            ),
            (
                "registry.k8s.io/pause:3.10.2",
                &["linux/amd64", "linux/arm64"],
            ),
        ] {
            assert_eq!(platforms(image), expected, "{image}");
        }
        let by: Vec<&str> = needed.needs.iter().map(|need| &*need.by).collect();
        assert!(by.iter().any(|by| by.starts_with(
            "node a: /etc/kubernetes/manifests/kube-apiserver.yaml: Pod kube-system/kube-apiserver spec.containers[0].image"
        )), "{by:#?}");
        assert!(
            needed
                .needs
                .iter()
                .all(|need| !need.is_suspect && !need.pulls_always)
        );
    }

    #[test]
    fn extra_manifests_are_looked_through() {
        let (session, mut needed) = needed();
        let before = needed.needs.len();
        let extra = Extra {
            file: "cni.yaml",
            text: "kind: DaemonSet\nmetadata: {name: cni}\nspec:\n  containers:\n  - image: a.example/cni:1\n",
        };
        needed.add_extra(extra, &session.platforms()).unwrap();
        let [cni] = &needed.needs[before..] else {
            panic!();
        };
        assert_eq!(cni.by, "cni.yaml:5: DaemonSet cni spec.containers[0].image");
        assert_eq!(cni.platforms.len(), 2);
        let broken = Extra {
            file: "x",
            text: "a: [",
        };
        assert!(needed.add_extra(broken, &session.platforms()).is_err());
    }
}
