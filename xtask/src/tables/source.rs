//! Finds constants, flags and feature gates in Go source by their form, without compiling it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Every Go file below `directory` except tests, by its path below it. Empty if the directory does not exist.
pub fn files(directory: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut pending: Vec<PathBuf> = vec![directory.to_owned()];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            let entries =
                fs::read_dir(&path).with_context(|| format!("reading {}", path.display()))?;
            for entry in entries {
                pending.push(entry?.path());
            }
            continue;
        }
        let name = path.strip_prefix(directory)?.to_string_lossy().into_owned();
        if path.is_file() && name.ends_with(".go") && !name.ends_with("_test.go") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            found.insert(name, text);
        }
    }
    Ok(found)
}

/// `Name = value` of every line that declares one.
pub fn constants(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| {
            let (left, value) = line.trim().split_once(" = ")?;
            let mut words = left.trim_start_matches("const ").split_whitespace();
            let name = words.next()?;
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let is_declared = words.count() <= 1 && is_name && !value.ends_with('{');
            is_declared.then(|| (name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// Flags that source registers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Their names, each with the ways it is registered: `Bool` for `BoolVar`, what makes the value for `Var`, and nothing for flags
    /// that are taken over from a library.
    pub names: BTreeMap<String, BTreeSet<String>>,
    /// What stands for the name, where it is neither a text nor a constant: `prefix + "x"`.
    pub computed: BTreeSet<String>,
}

/// How flags are registered, and which argument is the name: those of pflag, and those of the kubelet's `globalflags.go`.
const CALLS: &[(&str, usize)] = &[
    ("Var(", 1),
    ("VarP(", 1),
    ("VarPF(", 1),
    ("globalflag.Register(", 1),
    ("register(", 2),
    ("registerDeprecated(", 2),
];

impl Flags {
    /// Adds the flags of the source file `text`. A name that is a constant is looked up in the file, then in `constants`, which are
    /// those of all files.
    pub fn add(&mut self, text: &str, all: &BTreeMap<String, String>) {
        let own = constants(text);
        for (call, position) in CALLS {
            for (at, _) in text.match_indices(call) {
                let rest = text.get(at + call.len()..).unwrap_or_default();
                let arguments = arguments(rest);
                let Some(name) = arguments.get(*position).map(|name| name.trim()) else {
                    continue;
                };
                let constant = name.rsplit('.').next().unwrap_or(name);
                let value = match own.get(constant).or_else(|| all.get(constant)) {
                    Some(value) if !name.starts_with('"') => value.as_str(),
                    _ => name,
                };
                match value
                    .strip_prefix('"')
                    .and_then(|rest| rest.strip_suffix('"'))
                {
                    // The kubelet registers flags of cAdvisor with hyphens.
                    Some(flag) if is_flag(&flag.replace('_', "-")) => {
                        let before = text.get(..at).unwrap_or_default();
                        let value = arguments.first().copied().unwrap_or_default();
                        self.names
                            .entry(flag.replace('_', "-"))
                            .or_default()
                            .insert(way(before, call, value));
                    }
                    Some(_) => {}
                    // The declaration of such a function: its parameters have a name and a type.
                    None if name.contains(' ') && !name.contains(['+', '(']) => {}
                    None => {
                        self.computed
                            .insert(name.split_whitespace().collect::<Vec<_>>().join(" "));
                    }
                }
            }
        }
    }
}

/// Every text in double quotes that may be the name of a flag of several words: more than the flags.
pub fn words_with_hyphens(text: &str) -> BTreeSet<String> {
    text.lines()
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|word| is_flag(word) && word.contains('-') && !word.starts_with('-'))
        .map(str::to_owned)
        .collect()
}

/// How a flag is registered by a `call` with the first argument `value`, behind the text `before`.
fn way(before: &str, call: &str, value: &str) -> String {
    if !call.starts_with("Var") {
        return String::new();
    }
    let is_letter = |c: char| c.is_ascii_alphanumeric();
    let method = before
        .rfind(|c| !is_letter(c))
        .map_or(before, |at| before.get(at + 1..).unwrap_or_default());
    if !method.is_empty() {
        return method.to_owned();
    }
    // `cliflag.NewMapStringBool(&x)`, `&utilflag.IPVar{Val: &x}` or a variable.
    let end = value.find(['(', '{']).unwrap_or_default();
    let made = value.get(..end).unwrap_or_default();
    made.rsplit(['.', '&'])
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn is_flag(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The arguments of a call, from behind its opening bracket to the closing one.
fn arguments(text: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (Some('"' | '\''), '\\') => drop(characters.next()),
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`' | '\'') => quote = Some(character),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ',') if depth == 0 => {
                found.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            (None, ')' | ']' | '}') => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => {
                    found.push(text.get(start..at).unwrap_or_default());
                    return found;
                }
            },
            _ => {}
        }
    }
    Vec::new()
}

/// Feature gates, and whether each is locked to its default.
pub fn gates(text: &str) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let Some((name, _)) = line.trim().split_once(" featuregate.Feature = ") else {
            continue;
        };
        found.insert(name.trim_start_matches("const ").to_owned(), false);
    }
    let mut current = None;
    for line in text.lines() {
        if let Some(name) = line.trim().strip_suffix(": {") {
            let name = name.rsplit('.').next().unwrap_or(name);
            current = found.contains_key(name).then(|| name.to_owned());
        }
        if let Some(name) = &current
            && line.contains("LockToDefault: true")
        {
            found.insert(name.clone(), true);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_is_read_by_its_form() {
        let constants = constants(
            "const (\n\t// X = \"1\"\n\tPauseVersion = \"3.10.2\"\n\tRSA Algorithm = \"RSA-2048\"\n\tif a == b = {\n\tMap = map[int]string{\n",
        );
        assert_eq!(
            constants.into_iter().collect::<Vec<_>>(),
            [
                ("PauseVersion".to_owned(), "\"3.10.2\"".to_owned()),
                ("RSA".to_owned(), "\"RSA-2048\"".to_owned())
            ]
        );
        let gates = gates(
            "\tEnvFiles featuregate.Feature = \"EnvFiles\"\n\tNew featuregate.Feature = \"New\"\n\tEnvFiles: {\n\t\t{Default: true},\n\
             \t\t{Default: true, LockToDefault: true},\n\t},\n\tgenericfeatures.New: {\n\t\t{Default: false},\n\t},\n",
        );
        assert_eq!(
            gates.into_iter().collect::<Vec<_>>(),
            [("EnvFiles".to_owned(), true), ("New".to_owned(), false)]
        );
    }

    fn flags(text: &str) -> Flags {
        let elsewhere = BTreeMap::from([("ProfilingFlag".to_owned(), "\"profiling\"".to_owned())]);
        let mut flags = Flags::default();
        flags.add(text, &elsewhere);
        flags
    }

    #[test]
    fn a_flag_is_found_however_its_name_is_written() {
        for (text, name) in [
            (
                "fs.StringVar(&o.A, \"bind-address\", o.A, \"help\")",
                "bind-address",
            ),
            ("fs.Var(\n\t&x,\n\t\"tls-cert\", \"h\")", "tls-cert"),
            (
                "fs.BoolVarP(&b, \"version\", \"v\", false, \"h\")",
                "version",
            ),
            (
                "register(global, local, \"storage_driver\")",
                "storage-driver",
            ),
            (
                "globalflag.Register(fs, \"default-toleration\")",
                "default-toleration",
            ),
            (
                "fs.Var(New(&a, \"x,y\"), \"after-a-call\", \"h\")",
                "after-a-call",
            ),
            (
                "fs.Var(T{A: b, C: 'd'}, \"after-a-literal\", \"\"+\n\"h\")",
                "after-a-literal",
            ),
            (
                "const modeFlag = \"authorization-mode\"\nfs.StringVar(&o.Mode, modeFlag, o.Mode, \"h\")",
                "authorization-mode",
            ),
            (
                "const (\n\tflagName = \"feature-gates\"\n)\nfs.Var(f, flagName, \"\"+\n\"h\")",
                "feature-gates",
            ),
            (
                "fs.BoolVar(&o.P, options.ProfilingFlag, o.P, \"h\")",
                "profiling",
            ),
        ] {
            let found = flags(text);
            assert_eq!(found.names.keys().collect::<Vec<_>>(), [name], "{text}");
            assert_eq!(found.computed, BTreeSet::new(), "{text}");
        }
    }

    #[test]
    fn the_type_of_a_flag_is_the_way_it_is_registered() {
        for (text, expected) in [
            ("fs.BoolVar(&o.A, \"a\", o.A, \"help\")", "Bool"),
            ("\tfs.Int32VarP(&o.A, \"a\", \"b\", o.A, \"help\")", "Int32"),
            (
                "fs.Var(cliflag.NewMapStringBool(&x), \"a\", \"h\")",
                "NewMapStringBool",
            ),
            ("fs.Var(&utilflag.IPVar{Val: &x}, \"a\", \"h\")", "IPVar"),
            (
                "fs.VarP(VerbosityLevelPflag(&c.Verbosity), \"a\", \"v\", \"h\")",
                "VerbosityLevelPflag",
            ),
            ("fs.Var(&labels, \"a\", \"h\")", ""),
            ("registerDeprecated(global, local, \"a\", deprecated)", ""),
        ] {
            let ways = &flags(text).names["a"];
            assert_eq!(ways.iter().collect::<Vec<_>>(), [expected], "{text}");
        }
    }

    #[test]
    fn a_name_that_the_source_computes_is_shown_as_it_is_written() {
        let found =
            flags("fs.DurationVar(&d, prefix+\"-age\", 0, h)\nfs.Var(f.Value, f.Name, f.Usage)");
        assert_eq!(found.names, BTreeMap::new());
        assert_eq!(
            found.computed.iter().collect::<Vec<_>>(),
            ["f.Name", "prefix+\"-age\""]
        );
    }

    #[test]
    fn words_with_hyphens_are_found_between_quotes() {
        let found =
            words_with_hyphens("a := []string{\"old-flag\", \"one\"}\nb(\"x y\", \"new-flag\")");
        assert_eq!(found.iter().collect::<Vec<_>>(), ["new-flag", "old-flag"]);
    }

    #[test]
    fn what_registers_no_flag_is_not_one() {
        for text in [
            "register(newJobControllerDescriptor())",
            "func register(global *flag.FlagSet, local *pflag.FlagSet, globalName string) {",
            "x := NewIPVar(&a)",
            "fs.Var(unfinished, \"name\"",
        ] {
            assert_eq!(flags(text), Flags::default(), "{text}");
        }
    }
}
