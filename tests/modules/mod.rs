//! Which module of a crate names which other one, read from the syntax tree of its source.
//!
//! In: the root of a crate (`lib.rs`, `main.rs`). Out: [`Import`]s. Modules are found as the compiler finds them, by following
//! `mod`; what is compiled for tests only (`#[cfg(test)]`) does not count. Paths in `use`, in types, in expressions and in
//! the arguments of macros count; a name that reaches a module without a path (a prelude, a derive) does not. A name that a
//! module has from another one (`pub use child::Thing`) names both.

mod circles;
mod names;
mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, UseTree};

pub use circles::{Circle, Level};
use names::Names;
pub use source::ModulePath;
use source::{Module, is_for_tests};

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

/// A module names something that is not in a module of its crate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outside {
    /// The module that names.
    pub from: ModulePath,
    /// What is named, such as `kubeplan_terminal`, `Io`; also a name of the module's own with something behind it.
    pub name: Vec<String>,
    /// The source file.
    pub file: PathBuf,
}

fn outermost(path: &ModulePath) -> &str {
    path.first().map_or("lib", String::as_str)
}

/// The modules of a crate, and which names which.
#[derive(Debug)]
pub struct Graph {
    /// Every module; the crate itself is the one with the empty path.
    pub modules: Vec<ModulePath>,
    /// Every import, sorted.
    pub imports: Vec<Import>,
    /// Every path that leads out of the crate, sorted.
    pub outside: Vec<Outside>,
}

impl Graph {
    /// Reads the crate whose root is the file `root`.
    ///
    /// # Errors
    /// If a file cannot be read or is not Rust, naming it.
    pub fn of(root: &Path) -> Result<Self> {
        let modules = source::modules(root)?;
        let names = Names::of(&modules);
        let (mut found, mut outside) = (BTreeSet::new(), BTreeSet::new());
        for module in &modules {
            let mut visitor = Paths {
                module,
                names: &names,
                found: &mut found,
                outside: &mut outside,
                named: BTreeSet::new(),
            };
            for item in &module.items {
                visitor.visit_item(item);
            }
        }
        Ok(Self {
            imports: found.into_iter().collect(),
            outside: outside.into_iter().collect(),
            modules: modules.into_iter().map(|module| module.path).collect(),
        })
    }
}

/// Collects the paths of one module.
struct Paths<'a> {
    module: &'a Module,
    names: &'a Names<'a>,
    found: &'a mut BTreeSet<Import>,
    outside: &'a mut BTreeSet<Outside>,
    /// What the module named so far.
    named: BTreeSet<ModulePath>,
}

impl Paths<'_> {
    /// Notes the modules that `segments` names. A path of one segment is a name of the module itself, unless it is in a `use`.
    fn note(&mut self, segments: &[String]) {
        let named = self.names.named(&self.module.path, segments);
        self.note_outside(&named, segments);
        self.add(named, segments.join("::"));
    }

    fn note_outside(&mut self, named: &BTreeSet<ModulePath>, segments: &[String]) {
        if named.is_empty() {
            self.outside.insert(Outside {
                from: self.module.path.clone(),
                name: segments.to_vec(),
                file: self.module.file.clone(),
            });
        }
    }

    fn add(&mut self, named: BTreeSet<ModulePath>, written: String) {
        let is_rooted = ["crate::", "self::", "super::"]
            .iter()
            .any(|root| written.starts_with(root));
        for to in named {
            // A name that is used where a `use` brought it says nothing new.
            if self.named.insert(to.clone()) || is_rooted {
                self.found.insert(Import {
                    from: self.module.path.clone(),
                    to,
                    written: written.clone(),
                    file: self.module.file.clone(),
                });
            }
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
            UseTree::Glob(_) => {
                let named = self.names.named_by_glob(&self.module.path, before);
                self.note_outside(&named, before);
                self.add(named, format!("{}::*", before.join("::")));
            }
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
        if item.leading_colon.is_none() {
            self.note_use(&item.tree, &[]);
        }
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
