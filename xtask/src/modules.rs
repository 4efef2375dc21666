//! `cargo xtask modules`: which module of each crate names which, from the code.

use std::collections::BTreeMap;

use anyhow::Result;
use kubeplan_testsuite::modules::imports;

use crate::repository;

pub fn run() -> Result<()> {
    for name in ["bundle", "terminal", "planner", "applier"] {
        println!("{name}");
        let mut arrows: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for import in imports(&repository::root()?.join(name).join("src"))? {
            let (from, to) = import.between();
            if from != to {
                arrows
                    .entry((from.to_owned(), to.to_owned()))
                    .or_default()
                    .push(import.written);
            }
        }
        for ((from, to), written) in arrows {
            println!(
                "  {from} -> {to}  ({}: {})",
                written.len(),
                written.join(", ").chars().take(100).collect::<String>()
            );
        }
    }
    Ok(())
}
