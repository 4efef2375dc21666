//! The part of `cleanup-node` that removes files and directories.
//!
//! What was installed is removed also when it was changed since, as long as it is still a file; each such file is
//! named. What the kubelet and etcd made goes with them. Everything else stays, and a directory stays with it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::directories;
use super::super::error::ResetError;
use super::super::inventory::OwnFile;
use super::super::phase::Phase;
use super::{Plan, Planner, Work};
use crate::host::durable::is_temporary_name;
use crate::host::path::is_own;
use crate::host::tree::{self, Census};
use crate::host::{Content, Directory, Found, HostError, RootPath};
use crate::kubeadm::layout;
use crate::state::installed::FileOrigin;

const PHASE: Phase = Phase::RemoveFiles;

/// No installed file is larger: a larger one was changed.
const LIMIT: u64 = 16 * 1024 * 1024;

/// Names that are written out for a directory that stays.
const SHOWN: usize = 3;

/// What will be gone, to see which directories will be empty.
#[derive(Default)]
struct Gone {
    paths: BTreeSet<RootPath>,
    cleared: BTreeSet<RootPath>,
}

impl Planner<'_> {
    /// Plans the part. `data` is the directory of etcd whose data may be removed.
    pub(super) fn files(&self, plan: &mut Plan, data: Option<&RootPath>) -> Result<(), ResetError> {
        if self.skips(PHASE) {
            plan.skip(
                PHASE,
                "files and directories",
                "skipped: they stay as they are",
            );
            return Ok(());
        }
        let mut gone = Gone::default();
        // First what makes a kubelet start Pods, durably: etcd must not start again on a directory without data.
        for (path, own) in self.inventory.static_pods() {
            self.own_file(plan, &mut gone, path, own)?;
        }
        if self.request.kubeadm_node {
            self.clear(plan, &mut gone, &layout::MANIFESTS, "static Pods")?;
        }
        // Then keys and credentials, so that nothing that is large, or stays, comes before them.
        for (path, own) in self
            .inventory
            .other_files()
            .filter(|(_, own)| own.is_secret())
        {
            self.own_file(plan, &mut gone, path, own)?;
        }
        if self.request.kubeadm_node {
            self.clear(plan, &mut gone, self.certificates, "certificates and keys")?;
            for path in &layout::KUBECONFIGS {
                self.whatever(plan, &mut gone, path, "made by kubeadm or the kubelet")?;
            }
        } else if self
            .inventory
            .files
            .contains_key(&layout::BOOTSTRAP_KUBECONFIG)
        {
            let reason = "made by the kubelet when it joined";
            self.whatever(plan, &mut gone, &layout::KUBELET_KUBECONFIG, reason)?;
        }
        if let Some(data) = data {
            self.etcd_data(plan, &mut gone, data)?;
        }
        for (path, own) in self
            .inventory
            .other_files()
            .filter(|(_, own)| !own.is_secret())
        {
            self.own_file(plan, &mut gone, path, own)?;
        }
        if self.request.cleanup_tmp {
            self.clear(
                plan,
                &mut gone,
                &layout::TEMPORARY,
                "kubeadm's temporary files",
            )?;
        }
        if self.owns_kubelet() {
            self.clear(plan, &mut gone, &layout::KUBELET, "made by the kubelet")?;
        }
        self.leftovers(plan, &mut gone)?;
        self.directories(plan, &mut gone)
    }

    /// A file that was installed.
    fn own_file(
        &self,
        plan: &mut Plan,
        gone: &mut Gone,
        path: &RootPath,
        own: &OwnFile,
    ) -> Result<(), ResetError> {
        let shown = path.to_string();
        let directory = match self.root.open_directory(&path.parent()) {
            Ok(Some(directory)) => directory,
            Ok(None) => return Ok(()),
            Err(error) if error.is_of_the_way() => {
                plan.leave(PHASE, shown, error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        match directory.inspect(path.file_name())? {
            Found::Missing => return Ok(()),
            Found::File(_) => {}
            Found::Directory(_) => {
                plan.leave(PHASE, shown, "it is a directory now");
                return Ok(());
            }
            Found::Link => {
                plan.leave(PHASE, shown, "it is a symbolic link now");
                return Ok(());
            }
            Found::Special(what) => {
                plan.leave(PHASE, shown, format!("it is {what} now"));
                return Ok(());
            }
        }
        if own.origin == FileOrigin::Adopted {
            let reason = "it was there before anything was installed, as it was planned";
            plan.leave(PHASE, shown, reason);
            return Ok(());
        }
        let changed = !self.is_as_installed(&directory, path, own)?;
        let mut reasons = Vec::new();
        if changed {
            reasons.push("changed since it was installed");
        }
        if own.origin == FileOrigin::Replaced {
            reasons.push("what it replaced does not come back");
        }
        let step = plan.add(PHASE, "remove", shown, Work::RemoveFile(path.clone()));
        step.changed = changed;
        step.reason = (!reasons.is_empty()).then(|| reasons.join("; "));
        gone.paths.insert(path.clone());
        Ok(())
    }

    /// Opens a directory; one that is not entered is named, and the rest goes on without it.
    fn enter(
        &self,
        plan: &mut Plan,
        path: &RootPath,
        shown: String,
    ) -> Result<Option<Directory>, ResetError> {
        match self.root.open_directory(path) {
            Ok(directory) => Ok(directory),
            Err(error) if error.is_of_the_way() => {
                plan.leave(PHASE, shown, error.to_string());
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether bytes, mode and owner are those of a record.
    fn is_as_installed(
        &self,
        directory: &Directory,
        path: &RootPath,
        own: &OwnFile,
    ) -> Result<bool, ResetError> {
        let (meta, bytes) = match directory.content(path.file_name(), LIMIT) {
            Ok(Some(Content {
                meta,
                bytes: Some(bytes),
            })) => (meta, bytes),
            Ok(_) | Err(HostError::NotAFile { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let same_meta = own.records.iter().filter(|record| {
            u32::from(record.mode.bits()) == meta.mode && record.owner() == meta.owner
        });
        let records: Vec<_> = same_meta.collect();
        if records.is_empty() {
            return Ok(false);
        }
        // A record that cannot be compared (its key is missing) is no reason not to reset.
        Ok(records.iter().any(|record| {
            record
                .digest
                .matches(bytes.expose(), self.salt)
                .unwrap_or_default()
        }))
    }

    /// What a component made at a path, whatever it is.
    fn whatever(
        &self,
        plan: &mut Plan,
        gone: &mut Gone,
        path: &RootPath,
        reason: &str,
    ) -> Result<(), ResetError> {
        let Some(directory) = self.enter(plan, &path.parent(), path.to_string())? else {
            return Ok(());
        };
        if gone.paths.contains(path) || directory.inspect(path.file_name())? == Found::Missing {
            return Ok(());
        }
        let found = tree::census_of(self.root, &directory, path.file_name())?;
        self.name_what_stays(plan, &found);
        if found
            .stays
            .iter()
            .any(|stays| stays.path == *path && stays.mounted)
        {
            return Ok(());
        }
        let work = Work::RemoveTree(path.clone());
        let what = if found.directories > 0 {
            format!("{path}/")
        } else {
            path.to_string()
        };
        plan.add(PHASE, "remove", what, work).reason = Some(reason.to_owned());
        if found.stays.is_empty() {
            gone.paths.insert(path.clone());
        }
        Ok(())
    }

    /// Everything in a directory, but not the directory itself.
    fn clear(
        &self,
        plan: &mut Plan,
        gone: &mut Gone,
        path: &RootPath,
        what: &str,
    ) -> Result<(), ResetError> {
        let Some(directory) = self.enter(plan, path, format!("{path}/"))? else {
            return Ok(());
        };
        let (names, odd) = tree::listing(&directory)?;
        let rest: Vec<&String> = names
            .iter()
            .filter(|name| !gone.paths.contains(&path.join(name)))
            .collect();
        if rest.is_empty() && !odd {
            gone.cleared.insert(path.clone());
            return Ok(());
        }
        let mut found = Census::default();
        for name in rest {
            let one = tree::census_of(self.root, &directory, name)?;
            found.files += one.files;
            found.directories += one.directories;
            found.stays.extend(one.stays);
        }
        if odd {
            found.stays.push(tree::odd_names(&directory));
        }
        self.name_what_stays(plan, &found);
        let reason = format!(
            "{what}: everything in it, {} files and {} directories",
            found.files, found.directories
        );
        plan.add(
            PHASE,
            "clear",
            format!("{path}/"),
            Work::Clear(path.clone()),
        )
        .reason = Some(reason);
        if !found
            .stays
            .iter()
            .any(|stays| !self.will_be_unmounted(stays))
        {
            gone.cleared.insert(path.clone());
        }
        Ok(())
    }

    /// Names what a cleared tree keeps.
    fn name_what_stays(&self, plan: &mut Plan, found: &Census) {
        for stays in &found.stays {
            if !self.will_be_unmounted(stays) {
                plan.leave(PHASE, format!("{}/", stays.path), stays.reason.clone());
            }
        }
    }

    fn will_be_unmounted(&self, stays: &tree::Stays) -> bool {
        stays.mounted
            && self.live.is_some()
            && !self.skips(Phase::Unmount)
            && directories::is_below(&stays.path, &layout::KUBELET)
    }

    fn etcd_data(
        &self,
        plan: &mut Plan,
        gone: &mut Gone,
        data: &RootPath,
    ) -> Result<(), ResetError> {
        let Some(directory) = self.enter(plan, data, format!("{data}/"))? else {
            return Ok(());
        };
        let member = data.join(layout::ETCD_MEMBER);
        self.whatever(
            plan,
            gone,
            &member,
            "the data of etcd, with everything the cluster stored",
        )?;
        let (names, _) = tree::listing(&directory)?;
        for name in names.iter().filter(|name| *name != layout::ETCD_MEMBER) {
            plan.leave(PHASE, data.join(name).to_string(), "not made by etcd");
        }
        Ok(())
    }

    /// Temporary files of an installation that was killed.
    fn leftovers(&self, plan: &mut Plan, gone: &mut Gone) -> Result<(), ResetError> {
        let mut places: BTreeSet<RootPath> = BTreeSet::new();
        for path in self.inventory.files.keys() {
            places.insert(RootPath::fixed("/"));
            places.extend(path.ancestors());
        }
        for place in places.difference(&gone.cleared.clone()) {
            // A directory that cannot be entered was named already, with the files that were to be in it.
            let Ok(Some(directory)) = self.root.open_directory(place) else {
                continue;
            };
            let recorded = |name: &str| is_temporary_name(name) && self.recorded.is_leftover(name);
            for name in &directory.names_that(recorded)? {
                let ours = self.root.invoker().uid;
                // Only this program's own files are written under such a name; those of a bundle lie in stages.
                let is_staged = match directory.inspect(name)? {
                    Found::File(meta) => is_own(place) && meta.owner.uid == ours,
                    Found::Directory(_) => match directory.open(name)? {
                        Some(stage) => stage.is_stage_of(ours)?,
                        None => continue,
                    },
                    _ => continue,
                };
                if is_staged {
                    let reason = "left by an installation that was stopped";
                    self.whatever(plan, gone, &place.join(name), reason)?;
                }
            }
        }
        Ok(())
    }

    /// Directories that were made, the innermost first, if nothing of others is in them.
    fn directories(&self, plan: &mut Plan, gone: &mut Gone) -> Result<(), ResetError> {
        let mut left: BTreeMap<&RootPath, String> = BTreeMap::new();
        for path in self.inventory.directories.iter().rev() {
            if directories::is_system(path) {
                continue;
            }
            let Ok(Some(parent)) = self.root.open_directory(&path.parent()) else {
                continue;
            };
            match parent.inspect(path.file_name())? {
                Found::Directory(_) => {}
                Found::Missing => continue,
                _ => {
                    plan.leave(PHASE, path.to_string(), "it is no longer a directory");
                    continue;
                }
            }
            let Some(directory) = self.enter(plan, path, format!("{path}/"))? else {
                continue;
            };
            let (names, odd) = tree::listing(&directory)?;
            let others: Vec<&String> = names
                .iter()
                .filter(|name| !gone.paths.contains(&path.join(name)))
                .collect();
            if gone.cleared.contains(path) || (others.is_empty() && !odd) {
                let work = Work::RemoveDirectory(path.clone());
                plan.add(PHASE, "remove", format!("{path}/"), work);
                gone.paths.insert(path.clone());
                continue;
            }
            // A directory that stays only because of one in it that stays needs no second explanation.
            if others
                .iter()
                .all(|name| left.contains_key(&path.join(name)))
                && !odd
            {
                left.insert(path, String::new());
                continue;
            }
            let more = others.len().saturating_sub(SHOWN);
            let mut shown: Vec<&str> = others
                .iter()
                .take(SHOWN)
                .map(|name| name.as_str())
                .collect();
            let count = format!("{more} more");
            if more > 0 {
                shown.push(&count);
            }
            if odd {
                shown.push("names that are not UTF-8");
            }
            let reason = format!("it holds other files: {}", shown.join(", "));
            left.insert(path, reason);
        }
        for (path, reason) in left.iter().filter(|(_, reason)| !reason.is_empty()) {
            plan.leave(PHASE, format!("{path}/"), reason.clone());
        }
        Ok(())
    }
}
