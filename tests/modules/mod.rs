//! Which module of a crate names which other one, read from the syntax tree of its source.
//!
//! In: the directory with a crate's `lib.rs`. Out: [`Import`]s. Modules are found as the compiler finds them, by following
//! `mod`; what is compiled for tests only (`#[cfg(test)]`) is left out. Paths in `use`, in types, in expressions and in
//! the arguments of macros count; a name that reaches a module without a path (a prelude, a derive) does not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, UseTree};

/// A module's path below its crate; empty for the crate itself.
type ModulePath = Vec<String>;

/// One module names another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The module that names.
    pub from: ModulePath,
    /// The module that is named.
    pub to: ModulePath,
    /// What is written, such as `crate::host::Root`.
    pub written: String,
    /// The source file.
    pub file: PathBuf,
}

impl Import {
    /// The outermost modules of both ends; `lib` for the crate itself.
    #[must_use]
    pub fn between(&self) -> (&str, &str) {
        (outermost(&self.from), outermost(&self.to))
    }
}

fn outermost(path: &ModulePath) -> &str {
    path.first().map_or("lib", String::as_str)
}

/// The source of one module.
struct Module {
    path: ModulePath,
    file: PathBuf,
    items: Vec<Item>,
}

/// Every import between the modules of the crate whose `lib.rs` is in `source`, sorted.
///
/// # Errors
/// If a file cannot be read or is not Rust, naming it.
pub fn imports(source: &Path) -> Result<Vec<Import>> {
    let mut modules = Vec::new();
    let file = source.join("lib.rs");
    read(&file, source, Vec::new(), &mut modules)?;
    let known: BTreeSet<ModulePath> = modules.iter().map(|module| module.path.clone()).collect();
    let mut found = BTreeSet::new();
    for module in &modules {
        let mut visitor = Paths {
            module,
            known: &known,
            found: &mut found,
        };
        for item in &module.items {
            visitor.visit_item(item);
        }
    }
    Ok(found.into_iter().collect())
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
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|condition| condition.is_ident("test"))
    })
}

/// Collects the paths of one module.
struct Paths<'a> {
    module: &'a Module,
    known: &'a BTreeSet<ModulePath>,
    found: &'a mut BTreeSet<Import>,
}

impl Paths<'_> {
    /// Notes the module that `segments` leads to, if they start at the crate, at this module or at a module in it.
    fn note(&mut self, segments: &[String]) {
        let mut at: ModulePath = Vec::new();
        let mut rest = segments;
        match segments.first().map(String::as_str) {
            Some("crate") => rest = rest.get(1..).unwrap_or_default(),
            Some("self" | "super") => {
                at.clone_from(&self.module.path);
                while let Some(first) = rest.first() {
                    match first.as_str() {
                        "self" => {}
                        "super" => drop(at.pop()),
                        _ => break,
                    }
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
            Some(first) => {
                at.clone_from(&self.module.path);
                at.push(first.to_owned());
                if segments.len() < 2 || !self.known.contains(&at) {
                    return;
                }
                at.pop();
            }
            None => return,
        }
        for segment in rest {
            at.push(segment.clone());
            if !self.known.contains(&at) {
                at.pop();
                break;
            }
        }
        if at != self.module.path {
            self.found.insert(Import {
                from: self.module.path.clone(),
                to: at,
                written: segments.join("::"),
                file: self.module.file.clone(),
            });
        }
    }

    fn note_use(&mut self, tree: &UseTree, before: &[String]) {
        let with = |ident: &syn::Ident| -> Vec<String> {
            before.iter().cloned().chain([ident.to_string()]).collect()
        };
        match tree {
            UseTree::Path(path) => self.note_use(&path.tree, &with(&path.ident)),
            UseTree::Name(name) if name.ident == "self" => self.note(before),
            UseTree::Name(name) => self.note(&with(&name.ident)),
            UseTree::Rename(rename) if rename.ident == "self" => self.note(before),
            UseTree::Rename(rename) => self.note(&with(&rename.ident)),
            UseTree::Glob(_) => self.note(before),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.note_use(tree, before);
                }
            }
        }
    }

    /// Paths in what a macro is given, which is not parsed before the macro is expanded.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.note_rooted(&path);
                        path.clear();
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.note_rooted(&path);
                    path.clear();
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.note_tokens(group.stream());
                    }
                }
            }
        }
        self.note_rooted(&path);
    }

    fn note_rooted(&mut self, path: &[String]) {
        if path.len() > 1 {
            self.note(path);
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_use(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if path.leading_colon.is_none() && segments.len() > 1 {
            self.note(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.note_tokens(mac.tokens.clone());
        visit::visit_macro(self, mac);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    // Documentation may name what the code does not.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}
