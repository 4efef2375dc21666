//! Sets up every command: its nodes, and the configuration of each with what the command adds.
//!
//! In: documents, flags, facts, [`Choices`], a reader of patch directories. Out: a [`Session`]. What cannot be planned is refused by
//! [`Session::refuse_unplannable`], before a key is made.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use kubeplan_bundle::index::Name;
use rayon::prelude::*;

use super::discovered::Discovered;
use super::error::{EngineError, NodeError, NodeFailures};
use super::kept::Outlines;
use super::notice::Notice;
use super::notices::listed;
use super::observer::Observer;
use super::patch_directory::PatchDirectoryError;
use super::places::{self, idle_certificate_key};
use crate::config::flags::{self, Given};
use crate::config::kubelet::EffectiveKubelet;
use crate::config::valid::{Additions, Shared};
use crate::config::{
    self, Finding, JoinsByToken, LoadedCluster, NamedDirectory, Naming, Options, Origins, Report,
    Severity, Source, ValidConfig,
};
use crate::kubeadm::phase_tree::to_run;
use crate::operations;
use crate::patches::{Ignored, Patches, Target};
use crate::render::images;
use crate::selection::in_spite_of_file;
use crate::suggest::nearest;

/// What a command chooses besides documents.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// The names of the nodes to work on; empty for all.
    pub nodes: Vec<String>,
    /// The phases to plan, as `kubeadm init phase` names them; empty for all.
    pub phases: Vec<String>,
    /// Whether to upload the certificates that control-plane nodes share; `None` if the command does not take that choice.
    pub upload_certs: Option<bool>,
    /// Whether to issue certificates again that end soon, also those of nodes that were planned before.
    pub renew: bool,
}

/// Reads the patch directories that configurations name.
pub trait PatchDirectories {
    /// Reads the patches in `dir`. Calls `ignored` for files that are not patches.
    ///
    /// # Errors
    /// [`PatchDirectoryError`] if the directory or a file cannot be read, or a file is not what its name says.
    fn read(
        &self,
        dir: &str,
        ignored: &mut dyn FnMut(&str, Ignored),
    ) -> Result<Patches, PatchDirectoryError>;
}

/// The nodes of a run and their configurations, each made once.
#[derive(Debug)]
pub struct Session {
    /// The chosen nodes, in the order of the inventory.
    nodes: Vec<ValidConfig>,
    pub(super) outlines: Outlines,
    by_token: Vec<JoinsByToken>,
    ca_cert_hashes: Vec<String>,
    warnings: Report,
    /// Whether the configuration has several nodes, chosen or not.
    several: bool,
    /// The first configuration file, as the user named it; empty if there is none.
    first_file: String,
}

impl Session {
    /// Reads, defaults and validates the documents of a cluster, applies the choices and reads patches.
    ///
    /// # Errors
    /// [`EngineError`] with everything that is wrong with the documents, or with the first choice that does not fit them.
    pub fn open(
        sources: &[Source<'_>],
        options: Options,
        choices: &Choices,
        directories: &dyn PatchDirectories,
        observer: &mut dyn Observer,
    ) -> Result<Self, EngineError> {
        let options = Options {
            origins: Origins::OfCluster,
            ..options
        };
        let naming = Naming::of(&options);
        let cluster = config::load_cluster(sources, options).map_err(|mut report| {
            let named = naming.of_cluster(sources, &choices.nodes);
            report.extend(wrong_patches(&named, directories, observer));
            EngineError::Invalid(report)
        })?;
        observer.findings(&cluster.warnings);
        Self::of(cluster, sources, choices, directories, observer)
    }

    /// Like [`Session::open`], without patches, for commands that patches do not affect: documents, images, certificates.
    ///
    /// # Errors
    /// As for [`Session::open`].
    pub fn look(
        sources: &[Source<'_>],
        options: Options,
        choices: &Choices,
        observer: &mut dyn Observer,
    ) -> Result<Self, EngineError> {
        let cluster = config::load_cluster(sources, options).map_err(EngineError::Invalid)?;
        observer.findings(&cluster.warnings);
        Self::choose(cluster, sources, choices)
    }

    /// Like [`Session::open`], for a node that joins the discovered cluster. Findings in documents of the cluster name `file`.
    ///
    /// # Errors
    /// As for [`Session::open`]; [`EngineError::Join`] if the node's JoinConfiguration pins another CA.
    pub fn open_join(
        sources: &[Source<'_>],
        mut options: Options,
        (file, discovered): (&str, &Discovered),
        choices: &Choices,
        directories: &dyn PatchDirectories,
        observer: &mut dyn Observer,
    ) -> Result<Self, EngineError> {
        let (flags, unused) = flags_of_join(&options.flags, discovered.control_plane())?;
        if !unused.is_empty() {
            let names: Vec<String> = unused.iter().map(|name| format!("--{name}")).collect();
            observer.notice(&Notice::Warning(format!(
                "{} {} no effect on a worker",
                names.join(", "),
                if unused.len() == 1 { "has" } else { "have" }
            )));
        }
        options.flags = flags;
        let running = discovered.cluster(file);
        let naming = Naming::of(&options);
        let cluster = config::load_join(sources, options, &running).map_err(|mut report| {
            report.extend(wrong_patches(
                &naming.of_join(sources),
                directories,
                observer,
            ));
            EngineError::Invalid(report)
        })?;
        observer.findings(&cluster.warnings);
        discovered.require_configured(&cluster.ca_cert_hashes)?;
        Self::of(cluster, sources, choices, directories, observer)
    }

    fn of(
        cluster: LoadedCluster,
        sources: &[Source<'_>],
        choices: &Choices,
        directories: &dyn PatchDirectories,
        observer: &mut dyn Observer,
    ) -> Result<Self, EngineError> {
        let mut session = Self::choose(cluster, sources, choices)?;
        session.warn_of_idle_certificate_key(choices.upload_certs, observer)?;
        let only_phases = session.phases(&choices.phases, observer)?;
        let named = session.nodes.iter().filter_map(places::patch_directory);
        let read = PatchesRead::of(named, directories, observer);
        let none = Shared::default();
        let nodes = session.nodes.into_iter().map(|node| {
            let patches = patch_directory(&node).and_then(|dir| read.patches.get(dir));
            let additions = Additions {
                upload_certs: choices.upload_certs.unwrap_or(false),
                renew: choices.renew,
                only_phases: only_phases.clone(),
                patches: patches.unwrap_or(&none).clone(),
            };
            node.with(additions)
        });
        session.nodes = nodes.collect();
        let errors = session.check_kubelets(&read, observer);
        match read.refuse(errors) {
            Some(error) => Err(error),
            None => Ok(session),
        }
    }

    /// Reports settings of kubelets that do not fit what the plan installs, each once for all of its nodes. Nodes whose patches could not
    /// be read are left out. Returns the errors.
    fn check_kubelets(&self, read: &PatchesRead, observer: &mut dyn Observer) -> Report {
        let mut found: Vec<(Finding, Vec<&str>)> = Vec::new();
        let is_complete = |config: &&ValidConfig| {
            patch_directory(config).is_none_or(|dir| read.patches.contains_key(dir))
        };
        for config in self.nodes.iter().filter(is_complete) {
            // A patch that does not apply is reported with the other patches.
            let Ok(kubelet) = EffectiveKubelet::of(config) else {
                continue;
            };
            let name = config.node.name.as_str();
            for finding in config::kubelet::findings(&kubelet) {
                match found.iter_mut().find(|(known, _)| *known == finding) {
                    Some((_, nodes)) => nodes.push(name),
                    None => found.push((finding, vec![name])),
                }
            }
        }
        let (mut errors, mut warnings) = (Report::default(), Report::default());
        for (mut finding, nodes) in found {
            if self.several {
                let _ = write!(finding.message, " ({})", listed(nodes));
            }
            match finding.severity {
                Severity::Error => errors.push(finding),
                Severity::Warning => warnings.push(finding),
            }
        }
        if !warnings.is_empty() {
            observer.findings(&warnings);
        }
        errors
    }

    /// Keeps the chosen nodes.
    fn choose(
        cluster: LoadedCluster,
        sources: &[Source<'_>],
        choices: &Choices,
    ) -> Result<Self, EngineError> {
        let first = sources.first();
        Ok(Self {
            first_file: first.map_or_else(String::new, |source| source.name.to_owned()),
            several: cluster.nodes.len() > 1,
            nodes: choose(cluster.nodes, &choices.nodes)?,
            outlines: Outlines::default(),
            by_token: cluster.by_token,
            ca_cert_hashes: cluster.ca_cert_hashes,
            warnings: cluster.warnings,
        })
    }

    /// Warns of a certificate key that has no effect because no certificates are uploaded, as in kubeadm.
    fn warn_of_idle_certificate_key(
        &self,
        upload_certs: Option<bool>,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let first = self.first()?;
        let is_set = !first.init.certificate_key.expose().is_empty();
        // A node that joins a running cluster uses the key when it discovers the cluster.
        if is_set && first.membership.makes_cluster() && upload_certs != Some(true) {
            observer.findings(&idle_certificate_key(first, upload_certs.is_some()));
        }
        Ok(())
    }

    /// The phases to plan, by kubeadm's names; empty for all. Notes which of them the configuration file skips.
    fn phases(
        &self,
        wanted: &[String],
        observer: &mut dyn Observer,
    ) -> Result<Vec<&'static str>, EngineError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut trees = Vec::new();
        for tree in self.nodes.iter().map(|config| operations::of(config).tree) {
            if !trees.contains(&tree) {
                trees.push(tree);
            }
        }
        let named = wanted.iter().map(|name| to_run(name, &trees));
        let only_phases = named.collect::<Result<Vec<_>, _>>()?;
        let first = self.first()?.clone().with(Additions {
            only_phases: only_phases.clone(),
            ..Additions::default()
        });
        let overruled = in_spite_of_file(operations::of(&first).tree, &first);
        if !overruled.is_empty() {
            observer.notice(&Notice::Note(format!(
                "InitConfiguration.skipPhases does not hold for phases given with --phase, as with `kubeadm init phase`: {}",
                overruled.join(", ")
            )));
        }
        Ok(only_phases)
    }

    /// Keeps the nodes at the positions for which `keep` returns true.
    pub(super) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let mut at = 0..;
        self.nodes.retain(|_| at.next().is_some_and(&keep));
    }

    /// The nodes the run works on.
    #[must_use]
    pub fn nodes(&self) -> &[ValidConfig] {
        &self.nodes
    }

    /// The number of nodes the run works on.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Nodes of the inventory that are not planned, because they join with a bootstrap token.
    pub fn by_token(&self) -> impl Iterator<Item = &JoinsByToken> {
        self.by_token.iter()
    }

    /// The CA pins of the node's JoinConfiguration.
    #[must_use]
    pub fn ca_cert_hashes(&self) -> &[String] {
        &self.ca_cert_hashes
    }

    /// The first configuration file, as the user named it; empty if there is none.
    #[must_use]
    pub fn first_file(&self) -> &str {
        &self.first_file
    }

    /// The warnings about the configuration.
    #[must_use]
    pub const fn warnings(&self) -> &Report {
        &self.warnings
    }

    /// The names of the nodes, in their order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.nodes.iter().map(|config| &config.node.name)
    }

    /// Whether the configuration has several nodes, so that messages must name the node.
    #[must_use]
    pub const fn several(&self) -> bool {
        self.several
    }

    /// The configuration that represents the cluster: that of the first control-plane node, or of the first chosen node.
    ///
    /// # Errors
    /// [`EngineError::NoNodes`] if there is none.
    pub fn first(&self) -> Result<&ValidConfig, EngineError> {
        let mut nodes = self.nodes.iter();
        nodes
            .find(|config| config.membership.makes_cluster())
            .or(self.nodes.first())
            .ok_or(EngineError::NoNodes)
    }

    /// Does `work` for every node, on all cores. Returns the results in the order of the nodes.
    ///
    /// # Errors
    /// [`NodeFailures`] with every node for which `work` fails.
    pub fn each<T: Send, E: Send>(
        &self,
        work: impl Fn(usize, &ValidConfig) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, NodeFailures<E>> {
        self.each_with(vec![(); self.count()], |at, config, ()| work(at, config))
    }

    /// Does `work` for every node with the node's own item, on all cores. `items` has one item for each node, in their order.
    ///
    /// # Errors
    /// [`NodeFailures`] with every node for which `work` fails.
    pub fn each_with<I: Send, T: Send, E: Send>(
        &self,
        items: Vec<I>,
        work: impl Fn(usize, &ValidConfig, I) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, NodeFailures<E>> {
        let nodes = self.nodes.par_iter().zip_eq(items).enumerate();
        let outcomes: Vec<Result<T, E>> = nodes
            .map(|(at, (config, item))| work(at, config, item))
            .collect();
        if outcomes.iter().all(Result::is_ok) {
            // Reuses the memory of `outcomes`: the results of thousands of nodes would otherwise be there twice.
            return Ok(outcomes.into_iter().filter_map(Result::ok).collect());
        }
        let named = self.names().zip(outcomes);
        let failed = named.filter_map(|(name, outcome)| {
            let error = outcome.err()?;
            Some((self.several.then(|| name.clone()), error))
        });
        Err(NodeFailures {
            failed: failed.collect(),
            total: self.count(),
        })
    }

    /// Lists the images that the nodes run, each once, in the order of the first node that runs it.
    ///
    /// # Errors
    /// [`NodeFailures`] with every node whose images cannot be told.
    pub fn images(&self) -> Result<Vec<String>, NodeFailures<NodeError>> {
        let listed =
            self.each(|_, config| images::list_as_written(config).map_err(NodeError::Images))?;
        let mut images: Vec<String> = Vec::new();
        for image in listed.into_iter().flatten() {
            if !images.contains(&image) {
                images.push(image);
            }
        }
        Ok(images)
    }
}

/// The patches of directories, each read once, and what is wrong with the others.
#[derive(Default)]
struct PatchesRead {
    patches: BTreeMap<String, Shared<Patches>>,
    wrong: Vec<(NamedDirectory, PatchDirectoryError)>,
}

impl PatchesRead {
    fn of(
        named: impl Iterator<Item = NamedDirectory>,
        directories: &dyn PatchDirectories,
        observer: &mut dyn Observer,
    ) -> Self {
        let (mut found, mut seen) = (Self::default(), BTreeSet::new());
        for named in named {
            if !seen.insert(named.directory.clone()) {
                continue;
            }
            let read = directories.read(&named.directory, &mut |file, why| {
                observer.notice(&ignored_patch(file, why));
            });
            match read {
                Ok(read) => drop(found.patches.insert(named.directory, read.into())),
                Err(error) => found.wrong.push((named, error)),
            }
        }
        found
    }

    /// What is wrong with directories and their files, after the errors of `report`.
    fn findings(&self, mut report: Report) -> Report {
        for (named, error) in &self.wrong {
            report.push(places::unread(named, error));
        }
        report
    }

    /// Everything that is wrong; `None` if nothing is. An error of a file alone stays what it is.
    fn refuse(mut self, errors: Report) -> Option<EngineError> {
        if errors.is_empty()
            && let [(_, error)] = self.wrong.as_slice()
            && places::is_about_a_file(error)
        {
            return self.wrong.pop().map(|(_, error)| error.into());
        }
        let errors = self.findings(errors);
        (!errors.is_empty()).then_some(EngineError::Invalid(errors))
    }
}

/// What is wrong with directories of patches that documents name which are not valid.
fn wrong_patches(
    named: &[NamedDirectory],
    directories: &dyn PatchDirectories,
    observer: &mut dyn Observer,
) -> Report {
    PatchesRead::of(named.iter().cloned(), directories, observer).findings(Report::default())
}

/// Translates flags to those of `kubeadm join`. Also returns the names of flags that have no effect on a worker.
pub(super) fn flags_of_join(
    given: &[Given],
    control_plane: bool,
) -> Result<(Vec<Given>, Vec<&'static str>), EngineError> {
    flags::of_join(given, control_plane).map_err(EngineError::JoinFlags)
}

/// Keeps the nodes named in `wanted`, in the order of the inventory; all if it is empty.
fn choose(nodes: Vec<ValidConfig>, wanted: &[String]) -> Result<Vec<ValidConfig>, EngineError> {
    let names = || nodes.iter().map(|config| &config.node.name);
    let unknown = wanted
        .iter()
        .find(|name| !names().any(|known| known.as_str() == *name));
    if let Some(name) = unknown {
        return Err(EngineError::NoSuchNode {
            name: name.clone(),
            known: names().cloned().collect(),
        });
    }
    let is_wanted = |config: &ValidConfig| {
        let name = config.node.name.as_str();
        wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)
    };
    Ok(nodes.into_iter().filter(is_wanted).collect())
}

/// What to say of a file in the directory of patches that is not a patch: kubeadm only prints that it is ignored, and the user may have
/// meant it as one.
fn ignored_patch(file: &str, why: Ignored) -> Notice {
    let text = format!("patch file `{file}` is ignored: {why}");
    let base = file.rsplit('/').next().unwrap_or(file);
    let targets = || Target::ALL.into_iter().map(Target::as_str);
    match why {
        Ignored::Target => {
            let stem = base.split(['.', '+']).next().unwrap_or(base);
            let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit());
            let meant = nearest(stem, targets());
            Notice::Warning(meant.map_or_else(
                || text.clone(),
                |meant| format!("{text}; did you mean `{meant}`?"),
            ))
        }
        Ignored::Extension if targets().any(|target| base.starts_with(target)) => {
            Notice::Warning(text)
        }
        Ignored::Extension | Ignored::Empty => Notice::Note(text),
    }
}

/// The patch directory that `config` names.
fn patch_directory(config: &ValidConfig) -> Option<&str> {
    let configured = config.init.patches.as_ref();
    let dir = configured.map(|patches| patches.directory.as_str());
    dir.filter(|dir| !dir.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::observer::Silent;
    use super::super::testing::Directories;
    use super::*;
    use crate::config::Host;

    const CLUSTER: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n";

    fn look(text: &str, host: Host) -> Result<Session, EngineError> {
        let sources = [Source {
            name: "c.yaml",
            text,
        }];
        let options = Options {
            host,
            ..Options::default()
        };
        Session::look(&sources, options, &Choices::default(), &mut Silent)
    }

    #[test]
    fn a_file_that_may_be_meant_as_a_patch_is_warned_of() {
        let said = |file: &str| {
            let read = crate::patches::PatchFile::read(file, " ").unwrap();
            ignored_patch(file, read.unwrap_err()).to_string()
        };
        for (file, start, end) in [
            (
                "kube-apiservr.yaml",
                "warning: patch file `kube-apiservr.yaml` is ignored: the name does not begin with etcd,",
                "; did you mean `kube-apiserver`?",
            ),
            (
                "a/kubeletconfig0+merge.json",
                "warning:",
                "; did you mean `kubeletconfiguration`?",
            ),
            ("10-limits.yaml", "warning:", "or corednsdeployment"),
            (
                "etcd.yml",
                "warning:",
                "the extension is neither `json` nor `yaml`",
            ),
            (
                "README.md",
                "note:",
                "the extension is neither `json` nor `yaml`",
            ),
        ] {
            let said = said(file);
            assert!(said.starts_with(start) && said.ends_with(end), "{said}");
        }
    }

    #[test]
    fn what_is_wrong_with_patches_is_reported_with_what_is_wrong_with_documents() {
        let init = |rest: &str| {
            format!(
                "{CLUSTER}{rest}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {{advertiseAddress: 10.0.0.11}}\nnodeRegistration: {{name: a}}\npatches: {{directory: absent}}\n"
            )
        };
        let inventory = |first: &str, second: &str| {
            format!(
                "{CLUSTER}controlPlaneEndpoint: api.example.com:6443\n---\napiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nnodes:\n- {{name: a, role: control-plane, address: 10.0.0.11{first}}}\n- {{name: w, role: worker{second}}}\n"
            )
        };
        let absent = "`absent` is not a directory of this machine";
        for (text, wanted, expected) in [
            // Wrong documents, and a directory that is not there.
            (
                init("networking: {serviceSubnet: x}\n"),
                &[][..],
                &["x", absent][..],
            ),
            (
                init("etcd: {nothing: 1}\n"),
                &[],
                &["unknown field", absent],
            ),
            // A file in it that is wrong.
            (
                inventory(", patches: {directory: wrong}", ", labels: {'a b': c}"),
                &[],
                &["a b", "reading patches: "],
            ),
            (
                inventory(", patches: {directory: absent}", ", labels: {'a b': c}"),
                &["w"],
                &["a b"],
            ),
            // Valid documents, a kubelet that does not fit, and a directory that is not there.
            (
                inventory(
                    ", patches: {directory: kubelet}",
                    ", patches: {directory: absent}",
                ),
                &[],
                &["staticPodPath", absent],
            ),
            (
                inventory(
                    ", patches: {directory: wrong}",
                    ", patches: {directory: absent}",
                ),
                &[],
                &["reading patches: ", absent],
            ),
        ] {
            let sources = [Source {
                name: "c.yaml",
                text: &text,
            }];
            let directories = Directories(
                [
                    ("wrong", vec![("etcd.json", "{")]),
                    (
                        "kubelet",
                        vec![("kubeletconfiguration.yaml", "staticPodPath: /elsewhere")],
                    ),
                ]
                .into(),
            );
            let choices = Choices {
                nodes: wanted.iter().map(|&name| name.to_owned()).collect(),
                ..Choices::default()
            };
            let options = Options::default();
            let opened = Session::open(&sources, options, &choices, &directories, &mut Silent);
            let Err(EngineError::Invalid(report)) = opened else {
                panic!("{text}: {opened:?}");
            };
            let said: Vec<String> = report
                .findings()
                .iter()
                .map(|finding| format!("{}: {}", finding.path, finding.message))
                .collect();
            for part in expected {
                assert!(said.iter().any(|said| said.contains(part)), "{said:#?}");
            }
            assert_eq!(said.len(), expected.len(), "{said:#?}");
        }
    }

    #[test]
    fn images_and_documents_need_no_node_and_no_address() {
        let nodes = "---\napiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nnodes: [{name: a, role: control-plane}, {name: b, role: control-plane}, {name: w, role: worker}]\n";
        for more in [
            "",
            "networking: {serviceSubnet: 'fd00:10:96::/112'}\n",
            "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 0.0.0.0}\n",
            "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\npatches: {directory: /absent}\n",
            &format!("controlPlaneEndpoint: api.example.com:6443\n{nodes}"),
        ] {
            let text = format!("{CLUSTER}{more}");
            assert!(
                matches!(look(&text, Host::Needed), Err(EngineError::Invalid(_))),
                "{more}"
            );
            let session = look(&text, Host::Unneeded).unwrap();
            let images = session.images().unwrap();
            assert_eq!(images.len(), 7, "{more}: {images:?}");
            assert_eq!(images[0], "registry.k8s.io/kube-apiserver:v1.36.2");
            let first = session.first().unwrap();
            let unsaid = config::unsaid(first);
            assert!(
                unsaid.contains(&"InitConfiguration.localAPIEndpoint.advertiseAddress".to_owned())
            );
            let init = &config::effective_documents(first)[0];
            assert_eq!(init.pointer("/localAPIEndpoint/advertiseAddress"), None);
            assert_eq!(
                init.pointer("/localAPIEndpoint/bindPort"),
                Some(&6443.into())
            );
        }
    }

    #[test]
    fn what_a_command_adds_is_in_every_configuration() {
        let node = "---\napiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nnodes: [{name: a, role: control-plane, address: 10.0.0.11, patches: {directory: p}}, {name: w, role: worker}]\n";
        let text = format!("{CLUSTER}controlPlaneEndpoint: api.example.com:6443\n{node}");
        let sources = [Source {
            name: "c.yaml",
            text: &text,
        }];
        let directories = Directories(
            [(
                "p",
                vec![("kube-apiserver.yaml", "metadata: {labels: {a: b}}")],
            )]
            .into(),
        );
        let choices = Choices {
            phases: vec!["certs".to_owned(), "kubelet-start".to_owned()],
            upload_certs: Some(true),
            ..Choices::default()
        };
        let session = Session::open(
            &sources,
            Options::default(),
            &choices,
            &directories,
            &mut Silent,
        )
        .unwrap();
        let [first, worker] = session.nodes() else {
            panic!("{}", session.count());
        };
        assert!(first.upload_certs && !worker.upload_certs);
        for node in [first, worker] {
            assert_eq!(node.only_phases, ["certs", "kubelet-start"]);
        }
        assert_eq!(first.patches.files().len(), 1);
        assert!(worker.patches.files().is_empty());
    }
}
