//! The steps of an index as lines for a reviewer, the same in both programs.

use std::collections::BTreeMap;

use super::{Index, TransactionName};

impl Index {
    /// How the API server is reached; for each step a line that says what it does, then a row for each of its fields, each path
    /// that it changes or removes, how many entries it commits and which holes it fills.
    ///
    /// Out: one item per line, without line feeds of this function's own. Text of the bundle's author is not escaped.
    #[must_use]
    pub fn step_lines(&self) -> Vec<String> {
        let mut lines = vec![format!("Steps ({})", self.steps.len())];
        lines.extend(self.api.iter().map(|api| {
            format!(
                "  API server: {}, with the credentials of {}, timeout {} s",
                api.server, api.kubeconfig, api.timeout_seconds
            )
        }));
        let sizes: BTreeMap<&TransactionName, usize> = self
            .transactions
            .iter()
            .map(|transaction| (&transaction.name, transaction.entries.len()))
            .collect();
        for step in &self.steps {
            let (kind, phase) = (step.kind().word(), step.phase());
            lines.push(format!("  {kind} {phase}: {}", step.summary()));
            let details = step.details().into_iter();
            lines.extend(details.map(|detail| format!("    {} = {}", detail.path, detail.value)));
            for path in step.paths().iter().filter(|path| path.role.writes()) {
                lines.push(format!("    {} {}", path.role.word(), path.path));
            }
            if let Some(size) = step.commits().and_then(|name| sizes.get(name)) {
                lines.push(format!("    {size} entries"));
            }
            for entry in step.applies().iter().filter_map(|name| self.entry(name)) {
                let holes = entry.holes.iter();
                lines.extend(holes.map(|hole| format!("    hole in {}: {hole}", entry.name)));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names and values of a step, wherever they are.
    fn values(value: &serde_json::Value, into: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| {
                    into.push(name.clone());
                    values(value, into);
                });
            }
            serde_json::Value::Array(elements) => elements.iter().for_each(|v| values(v, into)),
            serde_json::Value::String(text) => into.push(text.clone()),
            other => into.push(other.to_string()),
        }
    }

    #[test]
    fn every_field_of_every_step_is_shown() {
        let index = include_bytes!("../../../fixtures/steps/empty-index.json");
        let mut index: Index = serde_json::from_slice(index).unwrap();
        let steps = include_str!("../../../fixtures/steps/every-step.json");
        let steps: Vec<serde_json::Value> = serde_json::from_str(steps).unwrap();
        for value in steps {
            index.steps = vec![serde_json::from_value(value.clone()).unwrap()];
            let text = index.step_lines().join("\n");
            let mut wanted = Vec::new();
            values(&value, &mut wanted);
            for value in wanted
                .iter()
                .filter(|value| *value != "do" && *value != "phase")
            {
                assert!(text.contains(value), "{value}: {text}");
            }
        }
    }
}
