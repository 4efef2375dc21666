//! The order of sibling modules, and circles: siblings of which each names the next, directly or through others.

use std::collections::{BTreeMap, BTreeSet};

use super::{Graph, Import, ModulePath};

/// Sub-modules of one module that name each other in a circle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Circle {
    /// The module whose sub-modules they are; empty for the crate itself.
    pub parent: ModulePath,
    /// Their names, sorted: two or more, each of which leads to every other one.
    pub modules: Vec<String>,
    /// The imports among them.
    pub imports: Vec<Import>,
}

/// The sub-modules of one module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The module; empty for the crate itself.
    pub parent: ModulePath,
    /// Its sub-modules, from the top to the bottom: each names only such that come after it, unless they are in a circle.
    pub modules: Vec<String>,
}

/// Which sibling leads to which, directly or through others.
struct Reached<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Reached<'a> {
    fn of(between: &[Between<'a>]) -> Self {
        let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (from, to, _) in between {
            arrows.entry(from).or_default().insert(to);
        }
        let reached = arrows.keys().map(|start| {
            let mut found = BTreeSet::new();
            let mut open: Vec<&str> = vec![start];
            while let Some(module) = open.pop() {
                let named = arrows.get(module).into_iter().flatten();
                open.extend(named.copied().filter(|to| found.insert(*to)));
            }
            (*start, found)
        });
        Self(reached.collect())
    }

    fn leads(&self, from: &str, to: &str) -> bool {
        self.0.get(from).is_some_and(|found| found.contains(to))
    }
}

/// Two siblings, and the import that leads from the first to the second.
type Between<'a> = (&'a str, &'a str, &'a Import);

/// The imports among siblings, by their parent.
fn levels(imports: &[Import]) -> BTreeMap<&[String], Vec<Between<'_>>> {
    let mut levels: BTreeMap<&[String], Vec<Between<'_>>> = BTreeMap::new();
    for import in imports {
        let common = import
            .from
            .iter()
            .zip(&import.to)
            .take_while(|(from, to)| from == to)
            .count();
        if let (Some(parent), Some(from), Some(to)) = (
            import.from.get(..common),
            import.from.get(common),
            import.to.get(common),
        ) {
            levels.entry(parent).or_default().push((from, to, import));
        }
    }
    levels
}

impl Graph {
    /// The circles at every level of the crate, the outermost first. What stands in a module names its sub-modules, and they may
    /// name it: a module does not count as a sibling of its sub-modules.
    #[must_use]
    pub fn circles(&self) -> Vec<Circle> {
        levels(&self.imports)
            .into_iter()
            .flat_map(|(parent, between)| of_siblings(parent, &between))
            .collect()
    }

    /// The sub-modules of every module that has some.
    #[must_use]
    pub fn levels(&self) -> Vec<Level> {
        let between = levels(&self.imports);
        let mut children: BTreeMap<&[String], BTreeSet<&str>> = BTreeMap::new();
        for module in &self.modules {
            if let Some((name, parent)) = module.split_last() {
                children.entry(parent).or_default().insert(name);
            }
        }
        children
            .into_iter()
            .map(|(parent, modules)| Level {
                parent: parent.to_vec(),
                modules: sorted(
                    modules,
                    &Reached::of(between.get(parent).map_or(&[], Vec::as_slice)),
                ),
            })
            .collect()
    }
}

fn sorted(mut modules: BTreeSet<&str>, reached: &Reached<'_>) -> Vec<String> {
    let mut sorted = Vec::new();
    while let Some(top) = modules.iter().copied().find(|module| {
        let mut others = modules.iter();
        others.all(|other| !reached.leads(other, module) || reached.leads(module, other))
    }) {
        modules.remove(top);
        sorted.push(top.to_owned());
    }
    sorted
}

fn of_siblings(parent: &[String], between: &[Between<'_>]) -> Vec<Circle> {
    let reached = Reached::of(between);
    let names = || reached.0.keys().copied();
    let circles: BTreeSet<Vec<&str>> = names()
        .filter(|module| reached.leads(module, module))
        .map(|module| {
            let both = |other: &&str| reached.leads(module, other) && reached.leads(other, module);
            names().filter(both).collect()
        })
        .collect();
    circles
        .into_iter()
        .map(|modules| Circle {
            parent: parent.to_vec(),
            imports: between
                .iter()
                .filter(|(from, to, _)| modules.contains(from) && modules.contains(to))
                .map(|(_, _, import)| (*import).clone())
                .collect(),
            modules: modules.into_iter().map(str::to_owned).collect(),
        })
        .collect()
}
