//! API objects, made comparable.
//!
//! In: what a dry run says, or a plan's objects. Out: the text of each object in order, without what differs by nature: random
//! tokens, instants, the cluster CA, encrypted certificates; and without what says nothing of the object.

use kubeplan::plan::{NodePlan, PlannedContent};
use kubeplan_bundle::step::{LabelAndTaintNode, Step};

/// The objects a dry run of kubeadm would create or change, in order; the Node is none of them.
#[must_use]
pub fn of_dry_run(said: &str, config: &str) -> Vec<String> {
    let mut objects = Vec::new();
    for action in said.split("[dryrun] Would perform action ").skip(1) {
        let writes = ["CREATE on", "UPDATE on"]
            .iter()
            .any(|verb| action.starts_with(verb));
        if let (true, Some((_, object))) = (writes, action.split_once("Attached object:\n")) {
            // Only YAML keys and list items stand in the first column of an object; what kubeadm says next starts with `[`.
            let object = object.split("\n[").next().unwrap_or_default();
            let object = object.split(END).next().unwrap_or_default();
            objects.push(comparable(object, config));
        }
    }
    objects
}

/// The objects of a plan, in order, but for the binding of the administrators, in whatever phase it is: no dry run writes it.
#[must_use]
pub fn of_plan(plan: &NodePlan, config: &str) -> Vec<String> {
    let text = |content: &PlannedContent| match content {
        PlannedContent::Directory => String::new(),
        PlannedContent::Public(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        PlannedContent::Secret { bytes, .. } => {
            String::from_utf8_lossy(bytes.expose()).into_owned()
        }
    };
    plan.live
        .objects
        .iter()
        .filter(|object| object.name != ADMINISTRATORS)
        .map(|object| comparable(&text(&object.content), config))
        .collect()
}

/// What kubeadm says of labels and taints of the Node, from what it said.
#[must_use]
pub fn node_of_dry_run(said: &str) -> String {
    said.lines()
        .filter(|line| line.starts_with(MARKING))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The same, from a plan.
#[must_use]
pub fn node_of_plan(plan: &NodePlan) -> String {
    let mut said = String::new();
    for step in &plan.live.steps {
        if let Step::LabelAndTaintNode(LabelAndTaintNode {
            node,
            labels,
            taints,
            ..
        }) = step
        {
            let labels: Vec<&str> = labels.keys().map(String::as_str).collect();
            let taints: Vec<String> = taints.iter().map(ToString::to_string).collect();
            said.push_str(&format!(
                "{MARKING}{node} as control-plane by adding the labels: [{}]\n",
                labels.join(" ")
            ));
            if !taints.is_empty() {
                said.push_str(&format!(
                    "{MARKING}{node} as control-plane by adding the taints [{}]\n",
                    taints.join(" ")
                ));
            }
        }
    }
    said
}

/// What kubeadm says when it is done.
const END: &str = "\n\n\nYour Kubernetes control-plane";

const ADMINISTRATORS: &str = "kubeadm:cluster-admins";

const MARKING: &str = "[mark-control-plane] Marking the node ";

/// `text` without what differs by nature or says nothing: the empty `status` that Go prints, `resourceVersion: "0"`.
#[must_use]
pub fn comparable(text: &str, config: &str) -> String {
    let token = text.lines().find_map(|line| {
        line.strip_prefix("  name: bootstrap-token-")
            .filter(|id| !config.contains(&format!("{id}.")))
    });
    let is_upload = text.contains("\n  name: kubeadm-certs\n") && text.contains("kind: Secret");
    let mut in_status = false;
    let mut kept = String::new();
    for line in text.trim_end_matches('\n').lines() {
        in_status = line.starts_with("status:") || (in_status && line.starts_with(' '));
        if in_status || line == "  resourceVersion: \"0\"" {
            continue;
        }
        let replaced = line.split_once(": ").and_then(|(key, value)| {
            let value = match key.trim_start() {
                "certificate-authority-data" => "(elided)",
                "expiration" => "(live)",
                "token-id" | "token-secret" if token.is_some() => "(random)",
                "name"
                    if value.starts_with("bootstrap-token-") && (token.is_some() || is_upload) =>
                {
                    "bootstrap-token-(random)"
                }
                "uid" => "(live)",
                _ if is_upload && (value == "null" || value.len() > 60) => "(encrypted)",
                _ => return None,
            };
            Some(format!("{key}: {value}"))
        });
        kept.push_str(&replaced.unwrap_or_else(|| line.to_owned()));
        kept.push('\n');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_cut_out_of_what_a_dry_run_says() {
        let said = "[dryrun] Would perform action GET on resource \"nodes\"\n[dryrun] Attached object:\nkind: Node\n\n\
            [dryrun] Would perform action CREATE on resource \"secrets\"\n[dryrun] Attached object:\nkind: Secret\nmetadata:\n  \
            name: bootstrap-token-zzzzzz\ndata:\n  token-id: eA==\n  expiration: eQ==\n\n[addons] Applied\n";
        assert_eq!(
            of_dry_run(said, "token: abcdef.0123456789abcdef"),
            [
                "kind: Secret\nmetadata:\n  name: bootstrap-token-(random)\ndata:\n  token-id: (random)\n  expiration: (live)\n"
            ]
        );
        let kept = of_dry_run(said, "token: zzzzzz.0123456789abcdef");
        assert!(kept[0].contains("name: bootstrap-token-zzzzzz\ndata:\n  token-id: eA==\n"));
    }
}
