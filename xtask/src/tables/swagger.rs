//! Kubernetes' OpenAPI document beside the types: the same fields, merged by the same keys.
//!
//! Go's tags are the source, since the document knows nothing of pointers, `omitempty` and the width of numbers. What both say
//! must agree.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::types::{Row, Types};

/// Where the document is in Kubernetes' module.
pub const FILE: &str = "api/openapi-spec/swagger.json";

/// The fewest structs that the document must have for the comparison to count.
const FEWEST: usize = 100;

/// Compares every struct that the document defines, and gives back how many those were.
///
/// # Errors
/// At the first difference, or if the document defines too few of the structs.
pub fn compare(types: &Types, document: &str) -> Result<usize> {
    let document: Value = serde_json::from_str(document).context(FILE)?;
    let definitions = document.get("definitions").context("no definitions")?;
    let mut compared = 0;
    for (name, structure) in &types.structs {
        let (package, bare) = name.split_once('.').context("a struct of no package")?;
        let path = types.packages.get(package).context("an unknown package")?;
        let path = path.trim_start_matches("k8s.io/").replace('/', ".");
        let Some(definition) = definitions.get(format!("io.k8s.{path}.{bare}")) else {
            continue;
        };
        let properties = definition.get("properties").and_then(Value::as_object);
        let properties = properties.with_context(|| format!("{name} has no properties"))?;
        let of_go: BTreeSet<&str> = structure.rows.iter().map(|row| row.name.as_str()).collect();
        let of_document: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        let differ: Vec<_> = of_go.symmetric_difference(&of_document).collect();
        ensure!(differ.is_empty(), "{name} and {FILE} differ in {differ:?}");
        for row in &structure.rows {
            let said = properties.get(&row.name).and_then(merge);
            ensure!(
                said == merge_of(row),
                "{name}.{} is merged by {:?}, in {FILE} by {said:?}",
                row.name,
                merge_of(row)
            );
        }
        compared += 1;
    }
    ensure!(
        compared >= FEWEST,
        "{FILE} defines {compared} of the structs only"
    );
    Ok(compared)
}

/// How the document says a list is merged: the key, empty for a list of scalars.
fn merge(property: &Value) -> Option<String> {
    let text = |name| property.get(name).and_then(Value::as_str);
    let strategy = text("x-kubernetes-patch-strategy")?;
    let merged = strategy.split(',').any(|strategy| strategy == "merge");
    merged.then(|| {
        text("x-kubernetes-patch-merge-key")
            .unwrap_or_default()
            .to_owned()
    })
}

fn merge_of(row: &Row) -> Option<String> {
    let option = row
        .options
        .iter()
        .find(|option| option.starts_with("merge"))?;
    Some(
        option
            .trim_start_matches("merge")
            .trim_start_matches('=')
            .to_owned(),
    )
}
