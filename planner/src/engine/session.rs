//! The set-up of every command: which nodes there are, and the configuration of each with all that the command adds.
//!
//! In: documents, flags, facts, [`Choices`], a reader of patch folders. Out: a [`Session`]. What cannot be planned without keys is refused by
//! [`Session::refuse_unplannable`], before a key is made.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use kubeplan_bundle::index::Name;
use rayon::prelude::*;

use super::error::{EngineError, NodeError, NodeFailures, PatchFolderError};
use super::join::Discovered;
use super::notices::{Notice, Notices};
use super::observer::Observer;
use crate::config::flags::{self, Given};
use crate::config::valid::Membership;
use crate::config::{self, JoinsByToken, LoadedCluster, Options, Report, Source, ValidConfig};
use crate::images;
use crate::patches::{Ignored, Patches};
use crate::phases::names::{Tree, to_run};
use crate::phases::selection::in_spite_of_file;
use crate::phases::{self, MaterialSource};
use crate::plan::NodePlan;

/// What a command asks for besides documents.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// Only these nodes, by name; all if empty.
    pub nodes: Vec<String>,
    /// Only these phases, as `kubeadm init phase` names them; all if empty.
    pub phases: Vec<String>,
    /// Also upload the certificates that control-plane nodes share.
    pub upload_certs: bool,
}

/// Reads folders of patches, which configurations name.
pub trait PatchFolders {
    /// The patches in `folder`; `ignored` is told of files that are none.
    ///
    /// # Errors
    /// [`PatchFolderError`] if the folder or a file cannot be read, or a file is not what its name says.
    fn read(
        &self,
        folder: &str,
        ignored: &mut dyn FnMut(&str, Ignored),
    ) -> Result<Patches, PatchFolderError>;
}

/// The nodes of a run and their configurations.
#[derive(Debug)]
pub struct Session {
    cluster: LoadedCluster,
    names: Vec<Name>,
    /// Positions in the inventory.
    chosen: Vec<usize>,
    upload_certs: bool,
    only_phases: Vec<&'static str>,
    /// By the folder the configuration names.
    patches: BTreeMap<String, Patches>,
}

impl Session {
    /// Reads, defaults and validates documents that make a cluster, and takes the choices over.
    ///
    /// # Errors
    /// [`EngineError`] with everything that is wrong with the documents, or with the first choice that does not fit them.
    pub fn open(
        sources: &[Source<'_>],
        options: Options,
        choices: &Choices,
        folders: &dyn PatchFolders,
        observer: &mut dyn Observer,
    ) -> Result<Self, EngineError> {
        let cluster = config::load_cluster(sources, options).map_err(EngineError::Invalid)?;
        observer.findings(&cluster.warnings);
        Self::of(cluster, choices, folders, observer)
    }

    /// As [`Session::open`], for a node that joins the cluster that was discovered; findings in what the cluster stores name `file`.
    ///
    /// # Errors
    /// As for [`Session::open`]; [`EngineError::Join`] if the node's JoinConfiguration pins another CA.
    pub fn open_join(
        sources: &[Source<'_>],
        mut options: Options,
        (file, discovered): (&str, &Discovered),
        choices: &Choices,
        folders: &dyn PatchFolders,
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
        let cluster =
            config::load_join(sources, options, &running).map_err(EngineError::Invalid)?;
        observer.findings(&cluster.warnings);
        discovered.require_configured(&cluster.ca_cert_hashes)?;
        Self::of(cluster, choices, folders, observer)
    }

    fn of(
        cluster: LoadedCluster,
        choices: &Choices,
        folders: &dyn PatchFolders,
        observer: &mut dyn Observer,
    ) -> Result<Self, EngineError> {
        let names: Vec<Name> = cluster.names().cloned().collect();
        let mut session = Self {
            chosen: (0..names.len()).collect(),
            names,
            cluster,
            upload_certs: choices.upload_certs,
            only_phases: Vec::new(),
            patches: BTreeMap::new(),
        };
        session.choose(&choices.nodes)?;
        session.warn_of_idle_certificate_key(observer)?;
        session.choose_phases(&choices.phases, observer)?;
        session.read_patches(folders, observer)?;
        Ok(session)
    }

    /// Leaves the nodes called `wanted`, in the order of the inventory; all if nothing is wanted.
    fn choose(&mut self, wanted: &[String]) -> Result<(), EngineError> {
        let unknown = wanted
            .iter()
            .find(|name| !self.names.iter().any(|known| known.as_str() == *name));
        if let Some(name) = unknown {
            return Err(EngineError::NoSuchNode {
                name: name.clone(),
                known: self.names.clone(),
            });
        }
        let names = &self.names;
        self.chosen.retain(|position| {
            let name = names.get(*position).map(Name::as_str);
            wanted.is_empty() || wanted.iter().any(|wanted| name == Some(wanted))
        });
        Ok(())
    }

    /// A certificate key has no effect unless certificates are uploaded, as in kubeadm.
    fn warn_of_idle_certificate_key(&self, observer: &mut dyn Observer) -> Result<(), EngineError> {
        let key = self.first()?.init.certificate_key;
        if !(self.upload_certs || key.expose().is_empty()) {
            observer.notice(&Notice::Warning(
                "InitConfiguration.certificateKey has an effect with --upload-certs only"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Takes over which phases are planned; says where that overrules the configuration file.
    fn choose_phases(
        &mut self,
        phases: &[String],
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        if phases.is_empty() {
            return Ok(());
        }
        let trees = self.each(|_, config| Ok::<_, NodeError>(Tree::of(&config)))?;
        let mut distinct = Vec::new();
        for tree in trees {
            if !distinct.contains(&tree) {
                distinct.push(tree);
            }
        }
        let named = phases.iter().map(|name| to_run(name, &distinct));
        self.only_phases = named.collect::<Result<_, _>>()?;
        let overruled = in_spite_of_file(&self.first()?);
        if !overruled.is_empty() {
            observer.notice(&Notice::Note(format!(
                "InitConfiguration.skipPhases does not hold for phases given with --phase, as with `kubeadm init phase`: {}",
                overruled.join(", ")
            )));
        }
        Ok(())
    }

    /// Reads every folder of patches that a node's configuration names, once.
    fn read_patches(
        &mut self,
        folders: &dyn PatchFolders,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let named =
            self.each(|_, config| Ok::<_, NodeError>(patch_folder(&config).map(str::to_owned)))?;
        for folder in named.into_iter().flatten() {
            if let Entry::Vacant(entry) = self.patches.entry(folder) {
                let read = folders.read(entry.key(), &mut |file, why| {
                    let text = format!("patch file `{file}` is ignored: {why}");
                    observer.notice(&Notice::Note(text));
                })?;
                entry.insert(read);
            }
        }
        Ok(())
    }

    /// How many nodes the run works on.
    #[must_use]
    pub fn count(&self) -> usize {
        self.chosen.len()
    }

    /// Nodes of the inventory that are not planned, because they join with a bootstrap token.
    pub fn by_token(&self) -> impl Iterator<Item = &JoinsByToken> {
        self.cluster.by_token.iter()
    }

    /// Pins of the CA that the node's JoinConfiguration has.
    #[must_use]
    pub fn ca_cert_hashes(&self) -> &[String] {
        &self.cluster.ca_cert_hashes
    }

    /// What was found in the configuration; never an error.
    #[must_use]
    pub fn warnings(&self) -> &Report {
        &self.cluster.warnings
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self, at: usize) -> Option<&Name> {
        self.names.get(*self.chosen.get(at)?)
    }

    /// The names of the nodes, in their order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        (0..self.count()).filter_map(|at| self.name(at))
    }

    /// Whether the configuration has several nodes, so that messages have to say of which they are.
    #[must_use]
    pub fn several(&self) -> bool {
        self.names.len() > 1
    }

    /// The configuration of the node at `at`, with what the command adds; made anew each time. From any thread.
    #[must_use]
    pub fn config(&self, at: usize) -> Option<ValidConfig> {
        let mut config = self.cluster.node(*self.chosen.get(at)?)?;
        // Only the node that makes the cluster uploads.
        config.upload_certs = self.upload_certs && config.membership == Membership::Founds;
        config.only_phases.clone_from(&self.only_phases);
        if let Some(patches) = patch_folder(&config).and_then(|folder| self.patches.get(folder)) {
            config.patches = patches.clone();
        }
        Some(config)
    }

    /// The configuration that stands for the cluster: that of the node that makes it, or of the first one if that node is not chosen.
    ///
    /// # Errors
    /// [`EngineError::NoNodes`] if there is none.
    pub fn first(&self) -> Result<ValidConfig, EngineError> {
        let founds = |at: &usize| {
            let config = self.config(*at);
            config.is_some_and(|config| config.membership == Membership::Founds)
        };
        let at = (0..self.count()).find(founds).unwrap_or_default();
        self.config(at).ok_or(EngineError::NoNodes)
    }

    /// Does `work` for every node, on all cores; what it returns is in the order of the nodes.
    ///
    /// # Errors
    /// [`NodeFailures`] with every node for which `work` fails.
    pub fn each<T: Send, E: Send>(
        &self,
        work: impl Fn(usize, ValidConfig) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, NodeFailures<E>> {
        let outcomes: Vec<Result<T, E>> = (0..self.count())
            .into_par_iter()
            .filter_map(|at| self.config(at).map(|config| work(at, config)))
            .collect();
        let mut done = Vec::with_capacity(outcomes.len());
        let mut failed = Vec::new();
        for (at, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(value) => done.push(value),
                Err(error) => {
                    failed.push((self.name(at).filter(|_| self.several()).cloned(), error))
                }
            }
        }
        if failed.is_empty() {
            return Ok(done);
        }
        Err(NodeFailures {
            failed,
            total: self.count(),
        })
    }

    /// Plans every node without key material: what cannot be planned is refused before a key is made. The notices are what there
    /// is to say of the nodes. Leaves out nodes for which nothing is planned.
    ///
    /// # Errors
    /// [`EngineError::Nodes`] with every node that cannot be planned, [`EngineError::NothingLeft`] if nothing is planned for any.
    pub fn refuse_unplannable(&mut self) -> Result<Notices, EngineError> {
        let outlines = self.outlines()?;
        let mut notices = Notices::default();
        for (at, outline) in outlines.iter().enumerate() {
            notices.add(self.name(at), outline.notices.iter().cloned());
        }
        if outlines.iter().all(|outline| outline.empty) {
            return Err(EngineError::NothingLeft);
        }
        let mut outlines = outlines.into_iter();
        self.chosen
            .retain(|_| outlines.next().is_none_or(|outline| !outline.empty));
        Ok(notices)
    }

    /// What every node's plan is like before there are keys.
    fn outlines(&self) -> Result<Vec<Outline>, NodeFailures<NodeError>> {
        self.each(|_, config| {
            let mut notices = patch_notices(&config)?;
            let material = MaterialSource::None;
            let plan = phases::plan_node(&config, material).map_err(NodeError::Plan)?;
            let empty = plan.is_empty();
            if empty {
                notices.extend(nothing_rendered(&config, material, &plan));
            }
            Ok(Outline { empty, notices })
        })
    }

    /// Refuses what cannot be planned, whether or not there is something in it.
    ///
    /// # Errors
    /// [`NodeFailures`] with every node that cannot be planned.
    pub fn plannable(&self) -> Result<(), NodeFailures<NodeError>> {
        self.outlines().map(|_| ())
    }

    /// The images that the nodes run, each once, in the order of the first node that runs it.
    ///
    /// # Errors
    /// [`NodeFailures`] with every node whose images cannot be told.
    pub fn images(&self) -> Result<Vec<String>, NodeFailures<NodeError>> {
        let listed =
            self.each(|_, config| images::list_as_written(&config).map_err(NodeError::Images))?;
        let mut images: Vec<String> = Vec::new();
        for image in listed.into_iter().flatten() {
            if !images.contains(&image) {
                images.push(image);
            }
        }
        Ok(images)
    }
}

/// The flags as `kubeadm join` knows them, and the names of those that have no effect on a worker.
pub(super) fn flags_of_join(
    given: &[Given],
    control_plane: bool,
) -> Result<(Vec<Given>, Vec<&'static str>), EngineError> {
    flags::of_join(given, control_plane).map_err(EngineError::JoinFlags)
}

/// What is known of a node's plan before there are keys.
struct Outline {
    /// Nothing is planned.
    empty: bool,
    /// What there is to say of it.
    notices: Vec<Notice>,
}

/// The folder of patches that `config` names.
fn patch_folder(config: &ValidConfig) -> Option<&str> {
    let configured = config.init.patches.as_ref();
    let folder = configured.map(|patches| patches.directory.as_str());
    folder.filter(|folder| !folder.is_empty())
}

/// What there is to say of the patches of a node; an error if they do not apply.
pub(super) fn patch_notices(config: &ValidConfig) -> Result<Vec<Notice>, NodeError> {
    if config.patches.files().is_empty() {
        return Ok(Vec::new());
    }
    phases::plan_node(config, MaterialSource::None).map_err(NodeError::Patched)?;
    let notices = phases::patch_notices(config).map_err(NodeError::Patched)?;
    let notices = notices.into_iter();
    Ok(notices
        .map(|notice| Notice::Warning(format!("patch {notice}")))
        .collect())
}

/// Which of the phases that were asked for put nothing into `plan`.
pub(super) fn nothing_rendered(
    config: &ValidConfig,
    material: MaterialSource<'_>,
    plan: &NodePlan,
) -> Vec<Notice> {
    phases::renders_nothing(&config.only_phases, config, material, plan)
        .into_iter()
        .map(Notice::Note)
        .collect()
}
