//! Imports go downwards only: the outermost modules of each crate have an order, and no module names one above it. At every level
//! below, the sub-modules of one module name each other without a circle.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use kubeplan_testsuite::modules::{Circle, Graph};
use kubeplan_testsuite::orders::{ORDERS, Order, ROOTS};
use kubeplan_testsuite::programs::repository;
use libtest_mimic::Trial;

use super::case;

pub fn cases() -> Vec<Trial> {
    let orders = ORDERS.iter().map(|order| {
        let name = order.directory.trim_end_matches("/src");
        case(format!("architecture::imports_go_down_in_{name}"), || {
            downwards(order)
        })
    });
    let circles = ROOTS.iter().map(|root| {
        let name = root.trim_end_matches(".rs").replace('/', "_");
        case(
            format!("architecture::no_modules_name_each_other_in_a_circle_in_{name}"),
            || without_circles(root),
        )
    });
    orders
        .chain(circles)
        .chain([
            case(
                "architecture::every_way_to_name_a_module_is_seen",
                every_way_is_seen,
            ),
            case(
                "architecture::every_circle_is_seen_at_its_level",
                every_circle_is_seen,
            ),
            case(
                "architecture::a_level_is_sorted_from_the_top_to_the_bottom",
                levels_are_sorted,
            ),
            case(
                "architecture::the_applier_speaks_and_ends_in_its_command_line_alone",
                the_applier_speaks_in_cli,
            ),
            case(
                "architecture::no_program_can_simulate_failures",
                programs_without_testkit,
            ),
        ])
        .collect()
}

/// A crate in which `low` names `high` in each way there is, and once where only tests do.
fn every_way_is_seen() -> Result<()> {
    let ways = [
        ("use crate::high::Thing;", true),
        ("use super::high::{self, Thing as Other};", true),
        ("use crate::{low::deep, high::*};", true),
        ("fn f(thing: crate::high::Thing) {}", true),
        ("fn f() { let _ = crate::high::make(); }", true),
        ("fn f() { println!(\"{}\", crate::high::NUMBER); }", true),
        ("mod deep { use super::super::high; }", true),
        ("impl crate::high::Trait for X {}", true),
        // Through a name that another module has from `high`.
        ("use crate::Shown;", true),
        ("use super::Renamed as Again;", true),
        ("use crate::between::Thing;", true),
        ("use crate::between; fn f(thing: between::Thing) {}", true),
        ("use crate::between::all::Thing;", true),
        ("use crate::between::*;", true),
        ("use crate::between::again::passed::Thing;", true),
        ("use crate::between::Own;", false),
        ("use crate::between::all::Own;", false),
        ("/// [`crate::high`]\nfn f() {}", false),
        ("#[cfg(test)] mod tests { use crate::high; }", false),
        ("fn f() { std::mem::drop(1); }", false),
    ];
    for (written, is_import) in ways {
        let crate_ = Scratch::new(&[
            (
                "lib.rs",
                "mod between; mod high; mod low; pub use high::Shown; use high::Shown as Renamed;",
            ),
            ("high.rs", "pub struct Thing; pub struct Shown;"),
            (
                "between.rs",
                "pub struct Own; pub use crate::high::Thing;
                 pub mod all { pub struct Own; pub use crate::high::*; }
                 pub mod again { pub use crate::high as passed; }",
            ),
            ("low.rs", written),
        ])?;
        let found = Graph::of(&crate_.root())?.imports;
        let goes_up = found
            .iter()
            .any(|import| import.between() == ("low", "high"));
        ensure!(goes_up == is_import, "{written}: {found:?}");
    }
    Ok(())
}

/// A crate with a module `outer`, whose sub-modules name each other in each way that makes a circle, and in some that make none.
fn every_circle_is_seen() -> Result<()> {
    let cases: &[(&str, &str, &str, &str, &[&str])] = &[
        ("", "use super::b::B;", "use super::a::A;", "", &["a", "b"]),
        (
            "",
            "use super::b::B;",
            "use super::c::C;",
            "use super::a::A;",
            &["a", "b", "c"],
        ),
        ("", "use super::b::B;", "use super::c::C;", "", &[]),
        (
            "pub use a::A; pub use b::B;",
            "use super::B;",
            "use super::A;",
            "",
            &["a", "b"],
        ),
        (
            "pub use a::A; use b::B;",
            "use super::B;",
            "fn f(a: super::A) {}",
            "",
            &["a", "b"],
        ),
        (
            "pub struct A; pub use b::B;",
            "use super::B;",
            "use super::A;",
            "",
            &[],
        ),
        (
            "use a::A; pub fn f() {}",
            "use super::f;",
            "use super::f;",
            "",
            &[],
        ),
        (
            "",
            "mod deep { use crate::outer::b::B; }",
            "use super::a::A;",
            "",
            &["a", "b"],
        ),
        (
            "",
            "use super::b::B;",
            "#[cfg(test)] mod tests { use crate::outer::a; }",
            "",
            &[],
        ),
    ];
    for (outer, a, b, c, expected) in cases {
        let outer = format!("mod a; mod b; mod c; {outer}");
        let crate_ = Scratch::new(&[
            ("lib.rs", "mod outer;"),
            ("outer/mod.rs", &outer),
            ("outer/a.rs", a),
            ("outer/b.rs", b),
            ("outer/c.rs", c),
        ])?;
        let found = Graph::of(&crate_.root())?.circles();
        let modules: Vec<&str> = found
            .iter()
            .flat_map(|circle| &circle.modules)
            .map(String::as_str)
            .collect();
        ensure!(modules == *expected, "{outer} | {a} | {b} | {c}: {found:?}");
        ensure!(
            found.iter().all(|circle| circle.parent == ["outer"]),
            "{found:?}"
        );
    }
    Ok(())
}

/// The source of a crate for one case.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new(files: &[(&str, &str)]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().context("a file is in a directory")?)?;
            fs::write(path, text)?;
        }
        Ok(Self(directory))
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("lib.rs")
    }
}

/// A level is sorted from the top to the bottom, whatever the names of its modules are.
fn levels_are_sorted() -> Result<()> {
    let crate_ = Scratch::new(&[
        ("lib.rs", "mod a; mod b { mod y; mod z; } mod c; mod d;"),
        ("a.rs", ""),
        ("b/y.rs", "use super::z;"),
        ("b/z.rs", "use crate::a;"),
        ("c.rs", "use crate::b;"),
        ("d.rs", "use crate::c; fn f() { crate::a::f(); }"),
    ])?;
    let levels = Graph::of(&crate_.root())?.levels();
    let found: Vec<_> = levels
        .iter()
        .map(|level| (level.parent.join("::"), level.modules.join(", ")))
        .collect();
    let wanted = [("", "d, c, b, a"), ("b", "y, z")];
    ensure!(
        found
            .iter()
            .map(|(parent, modules)| (parent.as_str(), modules.as_str()))
            .eq(wanted),
        "{found:?}"
    );
    Ok(())
}

/// Fails if modules of the crate name each other in a circle.
fn without_circles(root: &str) -> Result<()> {
    let graph = Graph::of(&repository().join(root))?;
    let circles: Vec<String> = graph.circles().iter().map(described).collect();
    ensure!(
        circles.is_empty(),
        "these modules name each other in a circle; move what they share below both:\n{}",
        circles.join("\n")
    );
    Ok(())
}

fn described(circle: &Circle) -> String {
    let mut text = format!(
        "in `{}`: {}",
        circle.parent.join("::"),
        circle.modules.join(", ")
    );
    for import in &circle.imports {
        text.push_str(&format!(
            "\n  {} -> {}: {} ({})",
            import.from.join("::"),
            import.to.join("::"),
            import.written,
            import.file.display()
        ));
    }
    text
}

/// Below the command line errors are typed and have no exit code, and nothing is written to a stream.
fn the_applier_speaks_in_cli() -> Result<()> {
    const OF_CLI: [&str; 2] = ["CliError", "Io"];
    let graph = Graph::of(&repository().join("applier/src/lib.rs"))?;
    let is_of_cli = |name: &[String]| match name {
        [crate_, what, ..] => crate_ == "kubeplan_terminal" && OF_CLI.contains(&what.as_str()),
        [crate_] => crate_ == "kubeplan_terminal",
        [] => false,
    };
    let (above, below): (Vec<_>, Vec<_>) = graph
        .outside
        .iter()
        .filter(|outside| is_of_cli(&outside.name))
        .partition(|outside| outside.from.first().is_none_or(|module| module == "cli"));
    ensure!(
        above.len() > 10,
        "the names of the command line were not read"
    );
    let places: Vec<String> = below
        .iter()
        .map(|outside| format!("{}: {}", outside.file.display(), outside.name.join("::")))
        .collect();
    ensure!(
        places.is_empty(),
        "only applier/src/cli may name {OF_CLI:?}; return a typed error (cli/failed.rs gives it an exit code), or tell an observer:\n{}",
        places.join("\n")
    );
    Ok(())
}

/// The model of failures is in a crate that only tests depend on, so it cannot be in what is shipped.
fn programs_without_testkit() -> Result<()> {
    for crate_ in ["bundle", "terminal", "review", "planner", "applier"] {
        let manifest = fs::read_to_string(repository().join(crate_).join("Cargo.toml"))?;
        let (mut section, mut seen) = ("", 0);
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line;
            } else if section == "[dependencies]" {
                seen += 1;
                ensure!(
                    !line.starts_with("kubeplan-test"),
                    "{crate_} depends on `{line}`, which is for tests"
                );
            }
        }
        ensure!(seen > 0, "{crate_} has no dependencies that can be read");
    }
    Ok(())
}

fn downwards(order: &Order) -> Result<()> {
    let imports = Graph::of(&repository().join(order.directory).join("lib.rs"))?.imports;
    ensure!(
        imports.len() > 5,
        "only {} imports were read",
        imports.len()
    );
    let rank = |module: &str| order.modules.iter().position(|name| *name == module);
    let mut upwards = BTreeSet::new();
    let mut places = Vec::new();
    for import in &imports {
        let (from, to) = import.between();
        let (Some(above), Some(below)) = (rank(from), rank(to)) else {
            anyhow::bail!(
                "{} names {}: give {from} and {to} a place in the order in tests/orders.rs",
                import.file.display(),
                import.written
            );
        };
        if above > below {
            let arrow = format!("{from} -> {to}");
            if !order.upwards.contains(&arrow.as_str()) {
                places.push(format!("{}: {}", import.file.display(), import.written));
            }
            upwards.insert(arrow);
        }
    }
    ensure!(
        places.is_empty(),
        "these imports go up; move what is named below both modules:\n{}",
        places.join("\n")
    );
    let gone: Vec<_> = order
        .upwards
        .iter()
        .filter(|arrow| !upwards.contains(**arrow))
        .collect();
    ensure!(
        gone.is_empty(),
        "these arrows run up no more; take them off the list: {gone:?}"
    );
    Ok(())
}
