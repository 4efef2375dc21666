//! Which modules a path names: the one that it leads to, and those from which that one has the name.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Module, ModulePath, Uses};

/// How many `use` items may lead from one to the next.
const MAX_STEPS: usize = 16;

/// The modules of a crate, and what each has from its `use` items.
pub(super) struct Names<'a> {
    uses: BTreeMap<&'a ModulePath, &'a Uses>,
}

impl<'a> Names<'a> {
    pub(super) fn of(modules: &'a [Module]) -> Self {
        Self {
            uses: modules
                .iter()
                .map(|module| (&module.path, &module.uses))
                .collect(),
        }
    }

    /// The modules that `segments`, written in the module `from`, names. Empty if the path leads out of the crate, or is a
    /// name of `from` itself.
    pub(super) fn named(&self, from: &ModulePath, segments: &[String]) -> BTreeSet<ModulePath> {
        let mut found = BTreeSet::new();
        self.follow(from, segments, MAX_STEPS, &mut found);
        found.remove(from);
        found
    }

    /// The modules that `use segments::*` in the module `from` names: with the module, all from which it has names.
    pub(super) fn named_by_glob(
        &self,
        from: &ModulePath,
        segments: &[String],
    ) -> BTreeSet<ModulePath> {
        let mut found = BTreeSet::new();
        if let Some(module) = self.follow(from, segments, MAX_STEPS, &mut found)
            && let Some(uses) = self.uses.get(&module)
        {
            for path in uses.named.values().chain(&uses.globs) {
                self.follow(&module, path, MAX_STEPS, &mut found);
            }
        }
        found.remove(from);
        found
    }

    /// Adds the modules that a path names to `found`. Out: the module in which the path ends, if it ends in the crate.
    fn follow(
        &self,
        from: &ModulePath,
        segments: &[String],
        steps: usize,
        found: &mut BTreeSet<ModulePath>,
    ) -> Option<ModulePath> {
        let steps = steps.checked_sub(1)?;
        let (mut at, mut rest) = self.start(from, segments)?;
        while let Some(child) = rest.first().map(|first| below(&at, first))
            && self.uses.contains_key(&child)
        {
            at = child;
            rest = rest.get(1..)?;
        }
        found.insert(at.clone());
        let Some((name, after)) = rest.split_first() else {
            return Some(at);
        };
        let uses = self.uses.get(&at)?;
        if let Some(path) = uses.named.get(name) {
            let path: Vec<String> = path.iter().chain(after).cloned().collect();
            // `use x::Y` in a module reads like `x::Y` there; a path that begins with its own name leads elsewhere.
            if path.first() != Some(name) || self.uses.contains_key(&below(&at, name)) {
                return self.follow(&at, &path, steps, found);
            }
            return None;
        }
        if !uses.own.contains(name) {
            for glob in &uses.globs {
                let path: Vec<String> = glob.iter().cloned().chain([name.clone()]).collect();
                let mut through = BTreeSet::new();
                if self.follow(&at, &path, steps, &mut through).is_some()
                    || self.defines(&through, name)
                {
                    found.append(&mut through);
                }
            }
        }
        None
    }

    fn defines(&self, modules: &BTreeSet<ModulePath>, name: &str) -> bool {
        modules.iter().any(|module| {
            self.uses
                .get(module)
                .is_some_and(|uses| uses.own.contains(name))
        })
    }

    /// Where a path starts, and its segments from there; `None` if it starts outside the crate or at a name of `from` itself.
    fn start<'s>(
        &self,
        from: &ModulePath,
        segments: &'s [String],
    ) -> Option<(ModulePath, &'s [String])> {
        let (first, mut rest) = segments.split_first()?;
        match first.as_str() {
            "crate" => Some((Vec::new(), rest)),
            "self" | "super" => {
                let mut at = from.clone();
                rest = segments;
                while let Some(first) = rest.first() {
                    match first.as_str() {
                        "self" => {}
                        "super" => drop(at.pop()),
                        _ => break,
                    }
                    rest = rest.get(1..)?;
                }
                Some((at, rest))
            }
            _ => {
                let own = self.uses.get(from)?.named.get(first);
                let is_here = self.uses.contains_key(&below(from, first))
                    || own.is_some_and(|path| path.first() != Some(first));
                is_here.then(|| (from.clone(), segments))
            }
        }
    }
}

fn below(module: &ModulePath, name: &str) -> ModulePath {
    module.iter().cloned().chain([name.to_owned()]).collect()
}
