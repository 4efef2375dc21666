//! Go's struct types as text, one line for each field: the form of `xtask/types/types.txt`.
//!
//! In and out: [`Types`]. A span is told only where it is not that of the line above it: a field's where some releases that have
//! its struct lack it, a struct's where some releases lack it.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result, bail, ensure};

/// Struct types and the releases that they were read from. The flags of a component are kept as the fields of a struct.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Types {
    /// What stands above it all: lines that begin with `#`.
    pub about: String,
    /// The minors, oldest first, each with the modules that it was read from and their versions.
    pub releases: BTreeMap<u64, Vec<(String, String)>>,
    /// Import paths by the short names that types are written with, such as `core_v1`.
    pub packages: BTreeMap<String, String>,
    /// Structs by name, such as `core_v1.Pod`.
    pub structs: BTreeMap<String, Struct>,
}

/// A struct.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Struct {
    /// The releases that have it.
    pub span: Minors,
    /// Its fields in Go's order. A field that changed has one row for each of its forms.
    pub rows: Vec<Row>,
}

/// One form of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name in JSON.
    pub name: String,
    /// Its type, such as `*int32`, `[]core_v1.Container` or `map:string`.
    pub ty: String,
    /// `omitempty`, `omitzero`, `merge` and `merge=KEY`.
    pub options: Vec<String>,
    /// The releases with it, among those that have the struct.
    pub span: Minors,
}

/// A span of minors, open where it is not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minors {
    pub since: Option<u64>,
    pub until: Option<u64>,
}

impl Minors {
    /// Whether it holds for `minor`.
    pub fn contains(self, minor: u64) -> bool {
        self.since.is_none_or(|since| since <= minor)
            && self.until.is_none_or(|until| minor <= until)
    }

    fn parse(words: &mut Vec<&str>) -> Result<Self> {
        let mut span = Self::default();
        for (name, end) in [("since=", &mut span.since), ("until=", &mut span.until)] {
            if let Some(at) = words.iter().position(|word| word.starts_with(name)) {
                let text = words.remove(at).trim_start_matches(name);
                *end = Some(text.parse().with_context(|| format!("{name}{text}"))?);
            }
        }
        Ok(span)
    }
}

impl fmt::Display for Minors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, end) in [("since", self.since), ("until", self.until)] {
            if let Some(minor) = end {
                write!(f, " {name}={minor}")?;
            }
        }
        Ok(())
    }
}

impl Row {
    /// Everything but the span.
    pub fn form(&self) -> String {
        let options = self.options.iter().map(|option| format!(" {option}"));
        format!("{} {}{}", self.name, self.ty, options.collect::<String>())
    }
}

impl Types {
    /// The fields of each struct as `minor` has them.
    pub fn at(&self, minor: u64) -> BTreeMap<&str, Vec<&Row>> {
        let structs = self.structs.iter();
        structs
            .filter(|(_, structure)| structure.span.contains(minor))
            .map(|(name, structure)| {
                let rows = structure.rows.iter();
                let rows = rows.filter(|row| row.span.contains(minor));
                (name.as_str(), rows.collect())
            })
            .collect()
    }

    /// Reads the form of `types.txt`.
    ///
    /// # Errors
    /// At the first line that is not of the form, with its number.
    pub fn parse(text: &str) -> Result<Self> {
        let mut types = Self::default();
        let mut current = None;
        for (number, line) in text.lines().enumerate() {
            let words = line.split_whitespace().collect();
            types
                .parse_line(line, words, &mut current)
                .with_context(|| format!("line {}: {line}", number + 1))?;
        }
        Ok(types)
    }

    fn parse_line(
        &mut self,
        line: &str,
        mut words: Vec<&str>,
        current: &mut Option<String>,
    ) -> Result<()> {
        let span = Minors::parse(&mut words)?;
        match words.as_slice() {
            [] => {}
            ["#", ..] => {
                self.about.push_str(line);
                self.about.push('\n');
            }
            [name, ty, options @ ..] if line.starts_with(' ') => {
                let structure = current.as_ref().and_then(|name| self.structs.get_mut(name));
                structure.context("a field of no type")?.rows.push(Row {
                    name: (*name).to_owned(),
                    ty: (*ty).to_owned(),
                    options: options.iter().map(|&option| option.to_owned()).collect(),
                    span,
                });
            }
            ["release", minor, modules @ ..] => {
                let minor = minor.trim_start_matches("1.").parse()?;
                let read = modules
                    .iter()
                    .map(|module| {
                        let (path, version) = module.split_once('@').context("no version")?;
                        Ok((path.to_owned(), version.to_owned()))
                    })
                    .collect::<Result<_>>()?;
                self.releases.insert(minor, read);
            }
            ["package", short, path] => {
                self.packages
                    .insert((*short).to_owned(), (*path).to_owned());
            }
            ["type", name] => {
                let rows = Vec::new();
                let before = self
                    .structs
                    .insert((*name).to_owned(), Struct { span, rows });
                ensure!(before.is_none(), "the type occurs twice");
                *current = Some((*name).to_owned());
            }
            _ => bail!("not a line of this file"),
        }
        Ok(())
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.about)?;
        for (minor, modules) in &self.releases {
            write!(f, "release 1.{minor}")?;
            for (module, version) in modules {
                write!(f, " {module}@{version}")?;
            }
            writeln!(f)?;
        }
        for (short, path) in &self.packages {
            writeln!(f, "package {short} {path}")?;
        }
        for (name, structure) in &self.structs {
            writeln!(f, "\ntype {name}{}", structure.span)?;
            for row in &structure.rows {
                writeln!(f, "  {}{}", row.form(), row.span)?;
            }
        }
        Ok(())
    }
}
