//! Steps as they are written, and what they say of themselves.

use std::collections::BTreeSet;

use serde::Serialize;

use super::*;
use crate::check::CheckKind;

fn is_known(step: &Step) -> bool {
    let known: BTreeSet<&str> = features().collect();
    step.features().is_subset(&known)
}

#[test]
fn live_steps_are_read_and_known() {
    for (text, live) in [
        (
            r#"{"do":"preflight","phase":"preflight","checks":[{"name":"Swap","severity":"warning","look":{"kind":"no-swap"}}],"ignore":["NumCPU"]}"#,
            false,
        ),
        (
            r#"{"do":"commit-transaction","phase":"certs","transaction":"certs"}"#,
            false,
        ),
        (
            r#"{"do":"apply-objects","phase":"addon/coredns","entries":["objects/01.yaml"]}"#,
            true,
        ),
        (
            r#"{"do":"label-and-taint-node","phase":"mark-control-plane","node":"n","labels":{"a":""},"taints":[{"key":"k","value":"v","effect":"NoSchedule"},{"key":"k","effect":"NoExecute"}]}"#,
            true,
        ),
        (
            r#"{"do":"annotate-node","phase":"upload-config/kubelet","node":"n","annotations":{"a":"b"}}"#,
            true,
        ),
        (
            r#"{"do":"apply-objects","phase":"wait-control-plane","entries":["objects/01.yaml"],"fallbackKubeconfig":"/etc/a.conf"}"#,
            true,
        ),
        (
            r#"{"do":"start-service","phase":"kubelet-start","service":"kubelet"}"#,
            true,
        ),
        (
            r#"{"do":"wait-for-endpoints","phase":"wait-control-plane","endpoints":[{"name":"kubelet","url":"http://127.0.0.1:10248/healthz","identity":"anonymous"}],"timeoutSeconds":240}"#,
            true,
        ),
        (
            r#"{"do":"use-rotated-certificate","phase":"kubelet-finalize","kubeconfig":"/etc/kubelet.conf","certificate":"/var/lib/k.pem","service":"kubelet"}"#,
            true,
        ),
        (
            r#"{"do":"wait-for-control-plane","phase":"kubelet-start","kubeconfig":"/etc/a.conf","timeoutSeconds":300}"#,
            true,
        ),
        (
            r#"{"do":"require-free-node-name","phase":"kubelet-start","node":"n","bootstrapKubeconfig":"/etc/b.conf","kubeconfig":"/etc/a.conf"}"#,
            true,
        ),
        (
            r#"{"do":"finish-tls-bootstrap","phase":"kubelet-wait-bootstrap","bootstrapKubeconfig":"/etc/b.conf","kubeconfig":"/etc/a.conf","timeoutSeconds":300}"#,
            true,
        ),
        (
            r#"{"do":"join-etcd","phase":"etcd-join","member":"n","peerUrl":"https://10.0.0.1:2380","pods":{"namespace":"a","labels":{"b":"c"},"clientUrls":"d/e"},"client":{"authority":"/pki/ca.crt","certificate":"/pki/c.crt","key":"/pki/c.key"},"transaction":"etcd","timeoutSeconds":120}"#,
            true,
        ),
        (
            r#"{"do":"show-join-command","phase":"show-join-command","kubeconfig":"/etc/a.conf","endpoint":"a:6443","caCertHashes":[],"tokens":["objects/02.yaml"],"controlPlane":"uploaded"}"#,
            true,
        ),
    ] {
        let step: Step = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&step).unwrap(), text);
        assert!(is_known(&step), "{text}");
        assert_eq!(step.is_live(), live, "{text}");
    }
}

#[test]
fn steps_are_tagged_objects_without_room_for_more() {
    let step: Step = serde_json::from_str(
        r#"{"do":"commit-transaction","phase":"certs","transaction":"certs"}"#,
    )
    .unwrap();
    assert!(is_known(&step));
    assert_eq!(step.phase().as_str(), "certs");
    for bad in [
        r#"{"do":"label-and-taint-node","phase":"p","node":"n","labels":{},"taints":[{"key":"k","effect":"Now"}]}"#,
        r#"{"do":"annotate-node","phase":"p","node":"n","annotations":{"a":1}}"#,
        r#"{"do":"annotate-node","phase":"p","node":"n"}"#,
        r#"{"do":"run-shell","phase":"certs","command":"true"}"#,
        r#"{"do":"start-service","phase":"p","service":"--now"}"#,
        r#"{"do":"start-service","phase":"p","service":"a b"}"#,
        r#"{"do":"wait-for-endpoints","phase":"p","endpoints":[{"name":"a","url":"http://b","identity":"root"}],"timeoutSeconds":1}"#,
        r#"{"do":"commit-transaction","phase":"certs","transaction":"certs","also":1}"#,
        r#"{"do":"commit-transaction","phase":"Certs","transaction":"certs"}"#,
    ] {
        assert!(serde_json::from_str::<Step>(bad).is_err(), "{bad}");
    }
}

/// A step of every kind with every field set, and in it a check of every kind.
fn every_step() -> Vec<(serde_json::Value, Step)> {
    let text = include_str!("../../../fixtures/steps/every-step.json");
    let values: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    values
        .into_iter()
        .map(|value| {
            let step: Step = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(&step).unwrap(), value);
            (value, step)
        })
        .collect()
}

#[test]
fn every_kind_has_an_example_a_word_and_a_feature() {
    let steps = every_step();
    let kinds: Vec<StepKind> = steps.iter().map(|(_, step)| step.kind()).collect();
    assert_eq!(kinds, StepKind::ALL);
    for (value, step) in &steps {
        assert_eq!(value["do"], step.kind().word());
        assert_eq!(value["phase"], step.phase().as_str());
        let of_checks = step
            .checks()
            .iter()
            .filter_map(|check| check.look.feature());
        let features: BTreeSet<&str> = of_checks.chain([step.kind().feature()]).collect();
        assert_eq!(step.features(), features);
        assert_eq!(
            step.kind().feature(),
            format!("step:{}/1", step.kind().word()),
            "a version is raised on purpose"
        );
        assert!(is_known(step));
    }
    let checks = steps[0].1.checks();
    let words: Vec<&str> = checks.iter().map(|check| check.look.word()).collect();
    let in_bundles = CheckKind::WORDS
        .iter()
        .filter(|word| **word != "only-in-tests");
    assert!(words.iter().eq(in_bundles), "{words:?}");
}

#[test]
fn an_unknown_field_of_any_step_and_an_unknown_step_are_refused() {
    let refused = |value: serde_json::Value| {
        let error = serde_json::from_value::<Step>(value.clone()).expect_err(&value.to_string());
        error.to_string()
    };
    for (value, step) in every_step() {
        let word = step.kind().word();
        let mut more = value.clone();
        more["also"] = 1.into();
        let said = refused(more);
        assert!(said.contains("unknown field `also`"), "{word}: {said}");
        let mut other = value.clone();
        other["do"] = format!("{word}-2").into();
        let said = refused(other);
        assert!(said.contains("unknown variant"), "{word}: {said}");
        let mut none = value.clone();
        none.as_object_mut().unwrap().remove("do");
        let said = refused(none);
        assert!(said.contains("missing field `do`"), "{word}: {said}");
        // The reader of an index has text, in which the unknown field may come first.
        let text = serde_json::to_string(&step).unwrap();
        assert!(text.starts_with(&format!(r#"{{"do":"{word}","phase":""#)));
        assert_eq!(serde_json::from_str::<Step>(&text).unwrap(), step);
        let before = text.replacen('{', r#"{"also":{},"#, 1);
        assert!(serde_json::from_str::<Step>(&before).is_err(), "{before}");
    }
}

/// A field of one of these names is what the step answers with, whichever step has it: an answer that a new step does not give is found
/// here.
#[test]
fn a_step_answers_with_what_its_fields_hold() {
    type Answer = fn(&Step) -> Option<serde_json::Value>;
    fn list<T: Serialize>(items: &[T]) -> Option<serde_json::Value> {
        (!items.is_empty()).then(|| serde_json::to_value(items).unwrap())
    }
    let questions: &[(&str, Answer)] = &[
        ("checks", |step| list(step.checks())),
        ("ignore", |step| list(step.ignores())),
        ("transaction", |step| {
            step.commits().map(|name| name.as_str().into())
        }),
        ("entries", |step| list(step.applies())),
        ("endpoints", |step| {
            step.awaits().and_then(|(all, _)| list(all))
        }),
    ];
    for (value, step) in every_step() {
        for (field, answer) in questions {
            let word = step.kind().word();
            assert_eq!(answer(&step).as_ref(), value.get(field), "{word}: {field}");
        }
    }
}

/// Every text, number and truth value of a document.
fn leaves(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                into.push(name.clone());
                leaves(value, into);
            }
        }
        serde_json::Value::Array(elements) => {
            for element in elements {
                leaves(element, into);
            }
        }
        serde_json::Value::String(text) => into.push(text.clone()),
        other => into.push(other.to_string()),
    }
}

#[test]
fn details_are_every_field_of_every_step() {
    for (value, step) in every_step() {
        let rows: Vec<String> = step
            .details()
            .into_iter()
            .map(|detail| format!("{} = {}", detail.path, detail.value))
            .collect();
        let text = rows.join("\n");
        let mut fields = value.as_object().unwrap().clone();
        fields.remove("do");
        fields.remove("phase");
        let mut wanted = Vec::new();
        leaves(&fields.into(), &mut wanted);
        for leaf in wanted {
            assert!(text.contains(&leaf), "{leaf}: {text}");
        }
        let again: Vec<String> = step
            .details()
            .into_iter()
            .map(|detail| format!("{} = {}", detail.path, detail.value))
            .collect();
        assert_eq!(rows, again);
    }
    let (_, label) = &every_step()[3];
    let rows: Vec<(String, String)> = label
        .details()
        .into_iter()
        .map(|detail| (detail.path, detail.value))
        .collect();
    let row = |path: &str, value: &str| (path.to_owned(), value.to_owned());
    assert_eq!(
        rows,
        [
            row("labels[\"label.example/a\"]", "label-value"),
            row("labels.plain", "\"\""),
            row("node", "node-to-label"),
            row(
                "taints[0]",
                "{\"effect\":\"NoExecute\",\"key\":\"taint-key\",\"value\":\"taint-value\"}"
            ),
        ]
    );
}

/// Whatever looks like a path of the host in a step is among its paths: a field that is added with one, and not named by
/// [`Step::paths`], is found here.
#[test]
fn paths_are_every_path_of_every_step() {
    fn texts<'a>(value: &'a serde_json::Value, into: &mut Vec<&'a str>) {
        match value {
            serde_json::Value::Object(fields) => fields.values().for_each(|v| texts(v, into)),
            serde_json::Value::Array(elements) => elements.iter().for_each(|v| texts(v, into)),
            serde_json::Value::String(text) => into.push(text),
            _ => {}
        }
    }
    for (value, step) in every_step() {
        let mut all = Vec::new();
        texts(&value, &mut all);
        // What is asked of a server begins with `/`, too.
        all.retain(|text| text.starts_with('/') && *text != "/version");
        all.sort_unstable();
        let paths = step.paths();
        let mut named: Vec<&str> = paths.iter().map(|path| path.path).collect();
        named.sort_unstable();
        assert_eq!(named, all, "{}", step.kind().word());
        let rows = step.details();
        for path in &paths {
            let found = rows.iter().any(|row| {
                path.field.starts_with(row.path.as_str()) && row.value.contains(path.path)
            });
            assert!(found, "{}: {}", step.kind().word(), path.field);
        }
        let removed: Vec<&str> = paths
            .iter()
            .filter(|path| path.role == Role::Removes)
            .map(|path| path.path)
            .collect();
        assert_eq!(
            removed,
            step.removes()
                .map(crate::path::HostPath::as_str)
                .into_iter()
                .collect::<Vec<_>>()
        );
    }
}
