//! Imports go downwards only: the outermost modules of each crate have an order, and no module names one above it.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, ensure};
use kubeplan_testsuite::modules::imports;
use kubeplan_testsuite::orders::{ORDERS, Order};
use kubeplan_testsuite::programs::repository;
use libtest_mimic::Trial;

use super::case;

pub fn cases() -> Vec<Trial> {
    let orders = ORDERS.iter().map(|order| {
        let name = order.folder.trim_end_matches("/src");
        case(format!("architecture::imports_go_down_in_{name}"), || {
            downwards(order)
        })
    });
    orders
        .chain([
            case(
                "architecture::every_way_to_name_a_module_is_seen",
                every_way_is_seen,
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
        ("/// [`crate::high`]\nfn f() {}", false),
        ("#[cfg(test)] mod tests { use crate::high; }", false),
        ("fn f() { std::mem::drop(1); }", false),
    ];
    for (written, is_import) in ways {
        let folder = tempfile::tempdir()?;
        let file = |name: &str, text: &str| fs::write(folder.path().join(name), text);
        file("lib.rs", "mod high;\nmod low;\n")?;
        file("high.rs", "")?;
        file("low.rs", written)?;
        let found = imports(folder.path())?;
        let goes_up = found
            .iter()
            .any(|import| import.between() == ("low", "high"));
        ensure!(goes_up == is_import, "{written}: {found:?}");
    }
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
    let imports = imports(&repository().join(order.folder))?;
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
                "{} names {}: give {from} and {to} a place in the order in tests/suites/architecture.rs",
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
