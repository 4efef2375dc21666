//! The nodes a command works on: which they are, and the configuration of one at a time.
//!
//! In: the loaded configuration, what the command line adds to it (`--node`, `--phase`, `--upload-certs`, folders of patches).
//! Out: one [`ValidConfig`] on demand, so that a thousand of them are never in memory at once, and [`Notices`]: what is to be said
//! of nodes, once for all nodes it is true of.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::Name;
use rayon::prelude::*;

use super::phases::PhaseArgs;
use super::{CliError, Io, patches};
use crate::config::valid::Membership;
use crate::config::{JoinsByToken, LoadedCluster, Report, ValidConfig};
use crate::patches::Patches;
use crate::phases::names::Tree;
use crate::phases::selection::in_spite_of_file;
use crate::phases::{self, MaterialSource};

/// How many names a message lists before it counts the others.
const NAMED: usize = 3;

/// How many nodes' errors are said.
const ERRORS: usize = 20;

/// The nodes of a run.
#[derive(Debug)]
pub(super) struct Nodes {
    cluster: LoadedCluster,
    names: Vec<Name>,
    /// Positions in the inventory.
    chosen: Vec<usize>,
    upload_certs: bool,
    only_phases: Vec<&'static str>,
    /// By the folder the configuration names.
    patches: BTreeMap<String, Patches>,
}

impl Nodes {
    /// All nodes of `cluster`.
    pub(super) fn all(cluster: LoadedCluster) -> Self {
        let names: Vec<Name> = cluster.names().cloned().collect();
        Self {
            chosen: (0..names.len()).collect(),
            names,
            cluster,
            upload_certs: false,
            only_phases: Vec::new(),
            patches: BTreeMap::new(),
        }
    }

    /// The nodes called `wanted`, in the order of the inventory; all if nothing is wanted.
    pub(super) fn chosen(cluster: LoadedCluster, wanted: &[String]) -> Result<Self, CliError> {
        let mut nodes = Self::all(cluster);
        if wanted.is_empty() {
            return Ok(nodes);
        }
        let unknown = wanted
            .iter()
            .find(|name| !nodes.names.iter().any(|known| known.as_str() == *name));
        if let Some(name) = unknown {
            return Err(
                CliError::usage(format!("--node: the configuration has no node `{name}`")).hint(
                    format!("it has {}", listed(nodes.names.iter().map(Name::as_str))),
                ),
            );
        }
        nodes.chosen.retain(|position| {
            let name = nodes.names.get(*position);
            name.is_some_and(|name| wanted.iter().any(|wanted| name.as_str() == wanted))
        });
        Ok(nodes)
    }

    /// How many nodes the run works on.
    pub(super) fn count(&self) -> usize {
        self.chosen.len()
    }

    /// Names of the nodes of the inventory that are not planned, because they join with a bootstrap token.
    pub(super) fn by_token(&self) -> impl Iterator<Item = &JoinsByToken> {
        self.cluster.by_token.iter()
    }

    /// What was found in the configuration; never an error.
    pub(super) fn warnings(&self) -> &Report {
        &self.cluster.warnings
    }

    /// The node's name.
    pub(super) fn name(&self, at: usize) -> Option<&Name> {
        self.names.get(*self.chosen.get(at)?)
    }

    /// Whether the configuration has several nodes, so that messages have to say of which they are.
    pub(super) fn several(&self) -> bool {
        self.names.len() > 1
    }

    /// The configuration of the node at `at`, with what the command line adds; made anew each time. From any thread.
    pub(super) fn config(&self, at: usize) -> Option<ValidConfig> {
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
    pub(super) fn first(&self) -> Result<ValidConfig, CliError> {
        let founds = |at: &usize| {
            let config = self.config(*at);
            config.is_some_and(|config| config.membership == Membership::Founds)
        };
        let at = (0..self.count()).find(founds).unwrap_or_default();
        self.config(at)
            .ok_or_else(|| CliError::usage("the configuration has no nodes"))
    }

    /// Takes over `--upload-certs`; says so when a certificate key would have no effect without it, as in kubeadm.
    pub(super) fn upload_certs(&mut self, upload_certs: bool, io: &mut Io) -> Result<(), CliError> {
        self.upload_certs = upload_certs;
        let key = self.first()?.init.certificate_key;
        if !(upload_certs || key.expose().is_empty()) {
            io.say(
                "warning: InitConfiguration.certificateKey has an effect with --upload-certs only",
            );
        }
        Ok(())
    }

    /// Takes over `--phase`; says where it overrules the configuration file.
    pub(super) fn phases(&mut self, phases: &PhaseArgs, io: &mut Io) -> Result<(), CliError> {
        if phases.is_empty() {
            return Ok(());
        }
        let mut trees = Vec::new();
        for tree in self
            .each(|_, config| Ok(Tree::of(&config)))
            .into_iter()
            .flatten()
        {
            if !trees.contains(&tree) {
                trees.push(tree);
            }
        }
        self.only_phases = phases.names(&trees)?;
        let overruled = in_spite_of_file(&self.first()?);
        if !overruled.is_empty() {
            io.say(format_args!(
                "note: InitConfiguration.skipPhases does not hold for phases given with --phase, as with `kubeadm init phase`: {}",
                overruled.join(", ")
            ));
        }
        Ok(())
    }

    /// Reads every folder of patches that a node's configuration names, once.
    pub(super) fn read_patches(&mut self, io: &mut Io) -> Result<(), CliError> {
        let folders: Vec<String> = (0..self.count())
            .into_par_iter()
            .filter_map(|at| {
                let config = self.config(at)?;
                patch_folder(&config).map(str::to_owned)
            })
            .collect();
        for folder in folders {
            if let Entry::Vacant(entry) = self.patches.entry(folder) {
                let read = patches::read_folder(entry.key(), io)?;
                entry.insert(read);
            }
        }
        Ok(())
    }

    /// Plans every node without key material and throws it away: what cannot be planned is refused before a key is made. Leaves
    /// out nodes for which nothing is planned.
    pub(super) fn refuse_nothing(&mut self, io: &mut Io) -> Result<(), CliError> {
        let looked = self.each(|at, config| {
            let mut notices = patch_notices(&config)?;
            let material = MaterialSource::None;
            let plan = phases::plan_node(&config, material).map_err(unplanned)?;
            let empty = plan.is_empty();
            if empty {
                notices.extend(nothing_rendered(&config, material, &plan));
            }
            Ok((at, empty, notices))
        });
        let looked = self.agree(looked, io)?;
        let mut notices = Notices::default();
        for (at, _, texts) in &looked {
            notices.add(self.name(*at), texts.iter().cloned());
        }
        notices.say(self.several(), io);
        if looked.iter().all(|(_, empty, _)| *empty) {
            return Err(
                CliError::usage("the phases that are left put nothing into a bundle")
                    .hint("name other phases with --phase, or skip fewer"),
            );
        }
        let left: Vec<usize> = looked
            .iter()
            .filter(|(_, empty, _)| !*empty)
            .filter_map(|(at, _, _)| self.chosen.get(*at).copied())
            .collect();
        self.chosen = left;
        Ok(())
    }

    /// Does `work` for every node, on all cores; what it returns is in the order of the nodes.
    pub(super) fn each<T: Send>(
        &self,
        work: impl Fn(usize, ValidConfig) -> Result<T, CliError> + Sync,
    ) -> Vec<Result<T, CliError>> {
        (0..self.count())
            .into_par_iter()
            .filter_map(|at| self.config(at).map(|config| work(at, config)))
            .collect()
    }

    /// Everything that [`Nodes::each`] returned, or all of its errors as one, each with its node.
    pub(super) fn agree<T>(
        &self,
        outcomes: Vec<Result<T, CliError>>,
        io: &mut Io,
    ) -> Result<Vec<T>, CliError> {
        let mut done = Vec::with_capacity(outcomes.len());
        let mut failed: Vec<(usize, CliError)> = Vec::new();
        for (at, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(value) => done.push(value),
                Err(error) => failed.push((at, error)),
            }
        }
        let count = failed.len();
        let mut failed = failed.into_iter().map(|(at, error)| self.of(at, error));
        match (count, failed.next()) {
            (_, None) => Ok(done),
            (1, Some(error)) => Err(error),
            (_, Some(first)) => {
                let exit = first.exit;
                io.tell(&first.text());
                for error in failed.by_ref().take(ERRORS - 1) {
                    io.tell(&error.text());
                }
                Err(CliError::new(
                    exit,
                    format!("{count} of {} nodes cannot be planned", self.count()),
                ))
            }
        }
    }

    /// The error with the name of its node.
    fn of(&self, at: usize, mut error: CliError) -> CliError {
        if self.several()
            && let Some(name) = self.name(at)
        {
            error.message = format!("node {name}: {}", error.message);
        }
        error
    }
}

/// The folder of patches that `config` names.
fn patch_folder(config: &ValidConfig) -> Option<&str> {
    let configured = config.init.patches.as_ref();
    let folder = configured.map(|patches| patches.directory.as_str());
    folder.filter(|folder| !folder.is_empty())
}

/// What there is to say of the patches of a node; an error if they do not apply.
pub(super) fn patch_notices(config: &ValidConfig) -> Result<Vec<String>, CliError> {
    if config.patches.files().is_empty() {
        return Ok(Vec::new());
    }
    let usage = |error| CliError::caused(Exit::Usage, "planning with patches", error);
    phases::plan_node(config, MaterialSource::None).map_err(usage)?;
    let notices = phases::patch_notices(config).map_err(usage)?;
    let notices = notices.into_iter();
    Ok(notices
        .map(|notice| format!("warning: patch {notice}"))
        .collect())
}

/// Which of the phases that were asked for put nothing into `plan`.
pub(super) fn nothing_rendered(
    config: &ValidConfig,
    material: MaterialSource<'_>,
    plan: &crate::plan::NodePlan,
) -> Vec<String> {
    phases::renders_nothing(&config.only_phases, config, material, plan)
        .into_iter()
        .map(|notice| format!("note: {notice}"))
        .collect()
}

pub(super) fn unplanned(error: phases::PlanError) -> CliError {
    CliError::caused(Exit::Failed, "planning the node", error)
}

/// `cp1`, `cp1 and w1`, `cp1, w1, w2 and 4 more`; never `and 1 more`.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    if names.len() > NAMED + 1 {
        let more = names.split_off(NAMED).len();
        return format!("{} and {more} more", names.join(", "));
    }
    match (names.pop(), names.is_empty()) {
        (None, _) => String::new(),
        (Some(only), true) => only.to_owned(),
        (Some(last), false) => format!("{} and {last}", names.join(", ")),
    }
}

/// Lines about nodes, each said once with the nodes it is true of.
#[derive(Debug, Default)]
pub(super) struct Notices(Vec<(String, Vec<Name>)>);

impl Notices {
    /// `texts` are true of `node`.
    pub(super) fn add(&mut self, node: Option<&Name>, texts: impl IntoIterator<Item = String>) {
        for text in texts {
            let position = self.0.iter().position(|(known, _)| *known == text);
            let nodes = match position.and_then(|position| self.0.get_mut(position)) {
                Some((_, nodes)) => nodes,
                None => {
                    self.0.push((text, Vec::new()));
                    match self.0.last_mut() {
                        Some((_, nodes)) => nodes,
                        None => continue,
                    }
                }
            };
            nodes.extend(node.cloned());
        }
    }

    /// Says them; of which nodes, if the configuration has several.
    pub(super) fn say(self, several: bool, io: &mut Io) {
        for (text, nodes) in self.0 {
            if several {
                let nodes = listed(nodes.iter().map(Name::as_str));
                io.say(format_args!("{text} ({nodes})"));
            } else {
                io.say(&text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_up_to_a_number() {
        for (names, expected) in [
            (&["a"][..], "a"),
            (&["a", "b"], "a and b"),
            (&["a", "b", "c"], "a, b and c"),
            (&["a", "b", "c", "d"], "a, b, c and d"),
            (&["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
            (&[], ""),
        ] {
            assert_eq!(listed(names.iter().copied()), expected);
        }
    }

    #[test]
    fn what_is_true_of_several_nodes_is_said_once() {
        let mut notices = Notices::default();
        for (node, texts) in [("a", &["x", "y"][..]), ("b", &["y"]), ("c", &["y", "z"])] {
            let node: Name = node.parse().unwrap();
            notices.add(Some(&node), texts.iter().map(|text| (*text).to_owned()));
        }
        let lines: Vec<(&str, String)> = notices
            .0
            .iter()
            .map(|(text, nodes)| (text.as_str(), listed(nodes.iter().map(Name::as_str))))
            .collect();
        let expected = [("x", "a"), ("y", "a, b and c"), ("z", "c")];
        assert_eq!(
            lines,
            expected.map(|(text, nodes)| (text, nodes.to_owned()))
        );
    }
}
