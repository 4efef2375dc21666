//! Reads the modules of a crate as the compiler finds them: from its root, by following `mod`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use syn::{Attribute, Item, ItemMod, UseTree};

/// A module's path below its crate; empty for the crate itself.
pub type ModulePath = Vec<String>;

/// The source of one module.
pub(super) struct Module {
    pub(super) path: ModulePath,
    pub(super) file: PathBuf,
    pub(super) items: Vec<Item>,
    pub(super) uses: Uses,
}

/// The names that a module has from its `use` items; what an import of one of them names is where the name comes from.
#[derive(Default)]
pub(super) struct Uses {
    /// Name to path, as written.
    pub(super) named: BTreeMap<String, Vec<String>>,
    /// Paths of modules that are imported with `*`.
    pub(super) globs: Vec<Vec<String>>,
    /// The names of the module's own items, which come before those of a `*`.
    pub(super) own: BTreeSet<String>,
}

impl Uses {
    fn of(items: &[Item]) -> Self {
        let mut uses = Self::default();
        for item in items {
            match item {
                Item::Use(item) if item.leading_colon.is_none() => uses.add(&item.tree, &[]),
                Item::Const(item) => uses.own(&item.ident),
                Item::Enum(item) => uses.own(&item.ident),
                Item::Fn(item) => uses.own(&item.sig.ident),
                Item::Static(item) => uses.own(&item.ident),
                Item::Struct(item) => uses.own(&item.ident),
                Item::Trait(item) => uses.own(&item.ident),
                Item::Type(item) => uses.own(&item.ident),
                _ => {}
            }
        }
        uses
    }

    fn own(&mut self, name: &syn::Ident) {
        self.own.insert(name.to_string());
    }

    fn add(&mut self, tree: &UseTree, before: &[String]) {
        let with = |ident: &syn::Ident| -> Vec<String> {
            before.iter().cloned().chain([ident.to_string()]).collect()
        };
        let mut name = |name: &syn::Ident, path: Vec<String>| {
            self.named.insert(name.to_string(), path);
        };
        match tree {
            UseTree::Path(path) => self.add(&path.tree, &with(&path.ident)),
            UseTree::Name(leaf) if leaf.ident == "self" => {
                if let Some(last) = before.last() {
                    self.named.insert(last.clone(), before.to_vec());
                }
            }
            UseTree::Name(leaf) => name(&leaf.ident, with(&leaf.ident)),
            UseTree::Rename(leaf) if leaf.ident == "self" => name(&leaf.rename, before.to_vec()),
            UseTree::Rename(leaf) => name(&leaf.rename, with(&leaf.ident)),
            UseTree::Glob(_) => self.globs.push(before.to_vec()),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add(tree, before);
                }
            }
        }
    }
}

/// Every module of the crate whose root is the file `root`, its children before it.
///
/// # Errors
/// If a file cannot be read, is missing or is not Rust, naming it.
pub(super) fn modules(root: &Path) -> Result<Vec<Module>> {
    let mut modules = Vec::new();
    let directory = root.parent().context("a file is in a directory")?;
    read(root, directory, Vec::new(), &mut modules)?;
    Ok(modules)
}

/// Reads a file's module, and those it declares; their files are in `children`.
fn read(file: &Path, children: &Path, path: ModulePath, modules: &mut Vec<Module>) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let parsed = syn::parse_file(&text).with_context(|| file.display().to_string())?;
    add(file, children, path, parsed.items, modules)
}

fn add(
    file: &Path,
    children: &Path,
    path: ModulePath,
    items: Vec<Item>,
    modules: &mut Vec<Module>,
) -> Result<()> {
    let mut own = Vec::new();
    for item in items {
        if is_for_tests(attributes(&item)) {
            continue;
        }
        let Item::Mod(ItemMod { ident, content, .. }) = item else {
            own.push(item);
            continue;
        };
        let name = ident.to_string();
        let child: ModulePath = path.iter().cloned().chain([name.clone()]).collect();
        let below = children.join(&name);
        if let Some((_, items)) = content {
            add(file, &below, child, items, modules)?;
            continue;
        }
        let candidates = [children.join(format!("{name}.rs")), below.join("mod.rs")];
        match candidates.iter().find(|candidate| candidate.is_file()) {
            Some(candidate) => read(candidate, &below, child, modules)?,
            None => bail!("{}: module {name} has no file", file.display()),
        }
    }
    modules.push(Module {
        path,
        file: file.to_owned(),
        uses: Uses::of(&own),
        items: own,
    });
    Ok(())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether `#[cfg(test)]` is among the attributes; conditions with more in them are compiled for the product, too.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|condition| condition.is_ident("test"))
    })
}
