//! The exact commands that bring the bundles onto their hosts, in the order in which they have to run.

use std::path::Path;

use kubeplan_terminal::quote;

use super::{NodeSummary, PlanSummary, Signer};
use crate::engine::listed;

/// The commands, one per line; what a person has to do stands behind `#`.
pub(super) fn commands(plan: &PlanSummary, signer: &Signer, output: &Path) -> Vec<String> {
    let mut lines = match plan.nodes.as_slice() {
        [node] => one(plan, node, signer),
        nodes => many(plan, nodes, signer, output),
    };
    let by_token = &plan.join_by_token;
    if !by_token.is_empty() {
        lines.push(format!(
            "# not planned: {} with a bootstrap token, by `kubeapply join`, once the cluster runs",
            joins(by_token.iter().map(|node| node.node.as_str()))
        ));
    }
    lines
}

/// `w1 joins`, `w1 and w2 join`.
fn joins<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let verb = if names.len() == 1 { "joins" } else { "join" };
    format!("{} {verb}", listed(names))
}

fn one(plan: &PlanSummary, node: &NodeSummary, signer: &Signer) -> Vec<String> {
    let mut lines = vec![
        format!("kubeplan show {}", word(&node.bundle)),
        format!(
            "# carry {} and {}.pub to the host, then there:",
            node.bundle, signer.file
        ),
        trust(plan, signer),
    ];
    if let Some(identity) = &node.identity {
        lines.push(if plan.runs {
            format!(
                "# what opened the join facts opens the bundle: unless the host has {}, carry it another way than the bundle",
                identity.file
            )
        } else {
            format!(
                "# the node has no recipient: carry {} another way than the bundle",
                identity.file
            )
        });
    }
    let options = options(plan, node);
    let file = word(&file_name(&node.bundle));
    lines.push(format!("kubeapply install {options} --dry-run {file}"));
    if node.joins && !plan.runs {
        lines.push("# once the node that makes the cluster is installed:".to_owned());
    }
    lines.push(format!("kubeapply install {options} {file}"));
    lines
}

fn many(plan: &PlanSummary, nodes: &[NodeSummary], signer: &Signer, output: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let founds = nodes.iter().find(|node| !node.joins);
    if let Some(node) = founds.or(nodes.first()) {
        lines.push(format!("kubeplan show {}", word(&node.bundle)));
    }
    lines.push(format!(
        "# carry {}.pub and its own bundle to each host, then on each:",
        signer.file
    ));
    lines.push(trust(plan, signer));
    let without: Vec<&NodeSummary> = nodes
        .iter()
        .filter(|node| node.identity.is_some())
        .collect();
    if let Some(identity) = without.first().and_then(|node| node.identity.as_ref()) {
        let directory = Path::new(&identity.file).parent().unwrap_or(output);
        lines.push(format!(
            "# {} {} no recipient: carry {}/NODE.age to each another way than the bundle",
            listed(without.iter().map(|node| node.node.as_str())),
            if without.len() == 1 { "has" } else { "have" },
            directory.display()
        ));
    }
    match founds {
        Some(node) => {
            lines.push(format!("# first {}, which makes the cluster:", node.node));
            lines.push(install(plan, node));
            lines.push("# then the others, in any order:".to_owned());
        }
        None => lines
            .push("# once the node that makes the cluster is installed, in any order:".to_owned()),
    }
    // The longest list a person types from; the pattern is the same for all.
    let joining: Vec<&NodeSummary> = nodes.iter().filter(|node| node.joins).collect();
    lines.extend(joining.iter().take(SHOWN).map(|node| install(plan, node)));
    if let Some(left) = joining.len().checked_sub(SHOWN).filter(|left| *left > 0) {
        lines.push(format!("# and likewise {left} more"));
    }
    lines
}

/// How many commands for nodes that join are listed.
const SHOWN: usize = 10;

fn install(plan: &PlanSummary, node: &NodeSummary) -> String {
    let options = options(plan, node);
    format!(
        "kubeapply install {options} {}",
        word(&file_name(&node.bundle))
    )
}

fn options(plan: &PlanSummary, node: &NodeSummary) -> String {
    let mut options = if plan.test_only {
        String::from("--root DIR --allow-test-only")
    } else {
        String::from("--root /")
    };
    if let Some(identity) = &node.identity {
        options.push_str(&format!(" --identity {}", word(&file_name(&identity.file))));
    }
    options
}

fn trust(plan: &PlanSummary, signer: &Signer) -> String {
    format!(
        "kubeapply trust add --root / --principal {} --fingerprint {} {}",
        word(&format!("{}-author", plan.cluster)),
        word(&signer.fingerprint),
        word(&file_name(&format!("{}.pub", signer.file)))
    )
}

/// `text` as one word of a command that is copied to a shell, and never an option.
fn word(text: &str) -> String {
    if text.starts_with('-') {
        return quote(&format!("./{text}")).into_owned();
    }
    quote(text).into_owned()
}

fn file_name(path: &str) -> String {
    let name = Path::new(path).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_and_no_option() {
        for (text, expected) in [
            ("out/cp1.kubernetes.tar.gz", "out/cp1.kubernetes.tar.gz"),
            ("a b; reboot", "'a b; reboot'"),
            ("-x.pub", "./-x.pub"),
            ("-x\ny", "$'./-x\\012y'"),
        ] {
            assert_eq!(word(text), expected);
        }
    }
}
