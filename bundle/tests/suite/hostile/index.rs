//! Wrong indexes.

use std::io::Cursor;

use kubeplan_bundle::canonical;
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{
    Blob, Content, Entry, EntryName, Index, Member, Place, Placement, SealedContent, SecretClass,
};
use kubeplan_bundle::limits;
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::step::{
    Endpoint, EndpointIdentity, FinishTlsBootstrap, Step, WaitForEndpoints,
};

use super::World;
use crate::raw::assemble;
use crate::support::{CERTIFICATE, KEY, TOKEN, admit, author};

/// Changes the index; the archive fits it where that is possible.
#[test]
fn hostile_indexes_are_refused() {
    type Change = fn(&mut Index);
    fn public(index: &mut Index) -> &mut Blob {
        let entry = index
            .entries
            .iter_mut()
            .find(|entry| entry.name.as_str() == CERTIFICATE)
            .unwrap();
        match &mut entry.content {
            Content::Public(blob) => blob,
            _ => panic!("not public"),
        }
    }
    fn named<'a>(index: &'a mut Index, name: &str) -> &'a mut Entry {
        let found = index.entries.iter_mut().find(|e| e.name.as_str() == name);
        found.unwrap()
    }
    fn file<'a>(index: &'a mut Index, name: &str) -> &'a mut Placement {
        match &mut named(index, name).place {
            Place::File(placement) => placement,
            _ => panic!("no file"),
        }
    }
    fn sealed<'a>(index: &'a mut Index, name: &str) -> &'a mut SealedContent {
        match &mut named(index, name).content {
            Content::Sealed(sealed) => sealed,
            _ => panic!("not sealed"),
        }
    }
    fn move_to(index: &mut Index, name: &str, path: &str) {
        file(index, name).path = path.parse().unwrap();
        let to = EntryName::file(&path.parse().unwrap());
        sealed(index, name).twin.name = to.twin();
        named(index, name).name = to.clone();
        for entry in &mut index.transactions[0].entries {
            if entry.as_str() == name {
                *entry = to.clone();
            }
        }
    }
    fn finish(index: &mut Index, path: &str) {
        index.requires.push("step:finish-tls-bootstrap/1".into());
        index
            .steps
            .push(Step::FinishTlsBootstrap(FinishTlsBootstrap {
                phase: "kubelet-wait-bootstrap".parse().unwrap(),
                bootstrap_kubeconfig: path.parse().unwrap(),
                kubeconfig: "/etc/kubernetes/kubelet.conf".parse().unwrap(),
                timeout_seconds: 1,
            }));
    }
    fn wait(index: &mut Index, url: &str) {
        index.requires.push("step:wait-for-endpoints/1".into());
        index.steps.push(Step::WaitForEndpoints(WaitForEndpoints {
            phase: "wait-control-plane".parse().unwrap(),
            endpoints: vec![Endpoint {
                name: "a".into(),
                url: url.into(),
                identity: EndpointIdentity::Anonymous,
            }],
            timeout_seconds: 1,
        }));
    }
    let cases: &[(&str, &str, Change)] = &[
        (
            "older format",
            "has the format `kubeplan.io/bundle/0`",
            |i| {
                i.format = "kubeplan.io/bundle/0".into();
            },
        ),
        (
            "newer format",
            "has the format `kubeplan.io/bundle/2`",
            |i| {
                i.format = "kubeplan.io/bundle/2".into();
            },
        ),
        ("unknown feature", "requires `step:magic/1`", |i| {
            i.requires.insert(1, "step:magic/1".into());
        }),
        ("serial 0", "serial starts at 1", |i| i.serial = 0),
        ("window", "applyAfter lies before applyBefore", |i| {
            i.apply_before = i.apply_after;
        }),
        ("duplicate entry", "name is unique", |i| {
            let entry = i.entries[1].clone();
            i.entries.push(entry);
        }),
        (
            "uid that means `unchanged`",
            "`kubeplan.json` is refused",
            |i| {
                file(i, CERTIFICATE).uid = u32::MAX;
            },
        ),
        (
            "gid that means `unchanged`",
            "`kubeplan.json` is refused",
            |i| {
                file(i, CERTIFICATE).gid = u32::MAX;
            },
        ),
        ("sealed key with mode 0755", "0640 or less", |i| {
            file(i, KEY).mode = "0755".parse().unwrap();
        }),
        ("sealed key for everybody", "0640 or less", |i| {
            file(i, KEY).mode = "0644".parse().unwrap();
        }),
        ("sealed key without spki", "has an spki", |i| {
            sealed(i, KEY).spki = None;
        }),
        ("sealed drop-in", "configuration of the system", |i| {
            move_to(i, KEY, "/etc/systemd/system/kubelet.service.d/x.key");
        }),
        ("sealed static Pod", "is config.json", |i| {
            move_to(i, TOKEN, "/etc/kubernetes/manifests/pod.yaml");
        }),
        ("Secret as a file", "is not a file", |i| {
            sealed(i, TOKEN).class = SecretClass::SecretObject;
        }),
        ("recipient twice", "each once", |i| {
            let recipients = &mut i.sealed.as_mut().unwrap().recipients;
            let again = recipients[0].clone();
            recipients.push(again);
        }),
        (
            "many steps",
            "the number of steps is 1001, at most 1000",
            |i| {
                i.steps = vec![i.steps[0].clone(); limits::STEPS + 1];
            },
        ),
        (
            "many transactions",
            "the number of transactions is 1001",
            |i| {
                i.transactions = vec![i.transactions[0].clone(); limits::TRANSACTIONS + 1];
            },
        ),
        ("many recipients", "the number of recipients is 65", |i| {
            let recipients = &mut i.sealed.as_mut().unwrap().recipients;
            *recipients = (100..165).map(|number| format!("age1{number}")).collect();
        }),
        ("file below a file", "below a file", |i| {
            let mut entry = i.entries[1].clone();
            let Place::File(placement) = &mut entry.place else {
                panic!()
            };
            placement.path = "/etc/kubernetes/ca.crt/x".parse().unwrap();
            entry.name = EntryName::file(&placement.path);
            i.transactions[0].entries.push(entry.name.clone());
            i.entries.push(entry);
        }),
        (
            "sealed entries without a seal",
            "needs a sealed part",
            |i| i.sealed = None,
        ),
        ("a digest for a third member", "one member", |i| {
            i.members.push(i.members[0].clone());
        }),
        (
            "huge entry",
            "the size of `files/etc/kubernetes/ca.crt`",
            |i| {
                public(i).size = limits::SMALL_ENTRY + 1;
            },
        ),
        (
            "largest entry, absent",
            "its header declares 14 bytes",
            |i| {
                public(i).size = limits::SMALL_ENTRY;
            },
        ),
        ("huge sealed part", "the size of the sealed part", |i| {
            i.sealed.as_mut().unwrap().size = limits::SEALED + 1;
        }),
        ("integer overflow", "the size of the sealed part", |i| {
            i.sealed.as_mut().unwrap().size = canonical::MAX_INTEGER;
        }),
        (
            "a step that removes a file of the host",
            "removes the bundle's own kubeconfig",
            |i| finish(i, "/etc/shadow"),
        ),
        (
            "a step that removes a file of the bundle that is not its kubeconfig",
            "removes the bundle's own kubeconfig",
            |i| finish(i, CERTIFICATE.trim_start_matches("files")),
        ),
        (
            "an endpoint of another host",
            "at an address of the node",
            |i| wait(i, "http://169.254.169.254/healthz"),
        ),
        (
            "an endpoint of anything else",
            "called at a health path",
            |i| {
                wait(i, "http://127.0.0.1/latest/meta-data");
            },
        ),
        (
            "name that fits no header",
            "does not fit a ustar header",
            |i| {
                let mut entry = i.entries[1].clone();
                let Place::File(placement) = &mut entry.place else {
                    panic!()
                };
                let long = format!("/{}/{}/{}", "a".repeat(80), "b".repeat(100), "c".repeat(45));
                placement.path = long.parse().unwrap();
                entry.name = EntryName::file(&placement.path);
                i.transactions[0].entries.push(entry.name.clone());
                i.entries.push(entry);
            },
        ),
    ];
    let world = World::new();
    for (title, expected, change) in cases {
        let mut raw = world.raw.clone();
        change(&mut raw.index);
        let file = world.sign(&raw);
        let text = world.refusal(&file);
        assert!(
            text.contains(expected),
            "{title}: expected `{expected}`: {text}"
        );
        let intact = Bundle::open(Cursor::new(file)).and_then(Bundle::into_intact);
        assert!(intact.is_err(), "{title}: can be looked at");
    }
}

#[test]
fn too_many_small_entries_are_refused_by_their_sum() {
    let world = World::new();
    let mut raw = world.raw.clone();
    for number in 0..17 {
        let mut entry = raw.index.entries[1].clone();
        let Place::File(placement) = &mut entry.place else {
            panic!()
        };
        placement.path = format!("/etc/many/{number}").parse().unwrap();
        entry.name = EntryName::file(&placement.path);
        entry.content = Content::Public(Blob {
            size: limits::SMALL_ENTRY,
            sha256: Sha256Digest::of(b""),
        });
        raw.index.transactions[0].entries.push(entry.name.clone());
        raw.index.entries.push(entry);
    }
    world.check(&world.sign(&raw), "the size of the small entries together");
}

/// The bytes of the index, signed as they are.
#[test]
fn hostile_index_bytes_are_refused() {
    let world = World::new();
    let (member, later) = (world.raw.member(), world.raw.later());
    let mut index = world.raw.index.clone();
    index.members = vec![Member {
        size: member.len() as u64,
        sha256: Sha256Digest::of(&member),
    }];
    let good = String::from_utf8(index.to_bytes().unwrap()).unwrap();
    let file = |text: &str| assemble(text.as_bytes(), &[&author(1)], &[&member, &later]);
    assert!(admit(&file(&good), &world.identities).is_ok());
    let wrong_digest = {
        let mut other = index.clone();
        other.plan_digest = Sha256Digest::of(b"another plan");
        String::from_utf8(other.to_bytes().unwrap()).unwrap()
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases: &[(&str, String, &str)] = &[
        (
            "plan digest",
            wrong_digest,
            "the plan digest in `kubeplan.json` is",
        ),
        ("empty", String::new(), "`kubeplan.json` is refused"),
        ("no JSON", "no json".into(), "`kubeplan.json` is refused"),
        ("nested deep", deep, "`kubeplan.json` is refused"),
        (
            "pretty-printed",
            good.replace("\":", "\": "),
            "canonical form",
        ),
        (
            "without line feed",
            good.trim_end().into(),
            "canonical form",
        ),
        (
            "two documents",
            format!("{good}{good}"),
            "`kubeplan.json` is refused",
        ),
        (
            "duplicate key",
            good.replacen('{', "{\"annotations\":{},", 1),
            "`kubeplan.json` is refused",
        ),
        (
            "unknown field",
            good.replacen('{', "{\"aaa\":1,", 1),
            "`kubeplan.json` is refused",
        ),
        (
            "destination with `..`",
            good.replace("/etc/kubernetes/ca.crt", "/etc/../kubernetes/ca.crt"),
            "`kubeplan.json` is refused",
        ),
        (
            "destination where kubeapply keeps its trusted keys",
            good.replace("/etc/kubernetes/ca.crt", "/etc/kubeplan/allowed_signers"),
            "`kubeplan.json` is refused",
        ),
        (
            "class without a twin",
            good.replace("\"private-key\"", "\"opaque\""),
            "`kubeplan.json` is refused",
        ),
        (
            "setuid mode",
            good.replace("\"0644\"", "\"4755\""),
            "`kubeplan.json` is refused",
        ),
        (
            "shell step",
            good.replace("commit-transaction\",\"phase", "run-shell\",\"phase"),
            "`kubeplan.json` is refused",
        ),
    ];
    for (title, text, expected) in cases {
        assert_ne!(text, &good, "{title}: the case changes something");
        let found = world.refusal(&file(text));
        assert!(
            found.contains(expected),
            "{title}: expected `{expected}`: {found}"
        );
    }
}

/// The parser keeps every field of a step until it knows the step, also one that no step has: what it may keep is bounded
/// before it sees a byte.
#[test]
fn an_index_with_too_much_in_one_field_is_refused_before_it_is_parsed() {
    let index = World::new().raw.index;
    let bytes = String::from_utf8(index.to_bytes().unwrap()).unwrap();
    let with = |field: &str| {
        let at = "\"steps\":[{";
        assert!(bytes.contains(at));
        let changed = bytes.replacen(at, &format!("{at}\"checks\":{field},"), 1);
        let error = Index::parse(changed.as_bytes()).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    };
    let list = |item: &str, count: usize| format!("[{}]", vec![item; count].join(","));
    for many in [
        list("0", 4_000_000),
        list("[0]", 2_000_000),
        list("{\"\":0}", 1_000_000),
        list("\"\\n\"", 1_500_000),
    ] {
        let said = with(&many);
        assert!(said.contains("more than 500000 values"), "{said}");
    }
    let said = with(&format!("{}{}", "[".repeat(90), "]".repeat(90)));
    assert!(said.contains("deeper than 16 levels"), "{said}");
    // Little enough reaches the parser, which says what it thinks of the field.
    let said = with(&list("0", 1000));
    assert!(
        !said.contains("values") && !said.contains("levels"),
        "{said}"
    );
    assert!(Index::parse(bytes.as_bytes()).is_ok());
}

#[test]
fn what_steps_hold_together_is_bounded() {
    let index = World::new().raw.index;
    let step = |ignored: usize| {
        let ignore = vec!["a"; ignored];
        let step = serde_json::json!({
            "do": "preflight", "phase": "preflight", "ignore": ignore,
            "checks": [{ "name": "Swap", "severity": "error", "look": { "kind": "no-swap" } }],
        });
        serde_json::from_value::<Step>(step).unwrap()
    };
    let with = |ignored: usize, twice: bool| {
        let mut index = index.clone();
        index.requires.push("step:preflight/1".to_owned());
        index.requires.sort();
        index.requires.dedup();
        index.steps.insert(0, step(ignored));
        if twice {
            index.steps.insert(0, step(ignored));
        }
        let bytes = canonical::to_vec(&index).unwrap();
        Index::parse(&bytes).map_err(|error| error.to_string())
    };
    assert!(with(limits::STEP_VALUES - 1000, false).is_ok());
    for (ignored, twice) in [
        (limits::STEP_VALUES, false),
        (limits::STEP_VALUES * 6 / 10, true),
        (400_000, false),
    ] {
        let error = with(ignored, twice).unwrap_err();
        assert!(
            error.contains("the number of values in all steps is"),
            "{error}"
        );
    }
    let annotated = |count: usize| {
        let mut index = index.clone();
        index.annotations = (0..count)
            .map(|n| (format!("a{n}"), String::new()))
            .collect();
        index.check().map_err(|error| error.to_string())
    };
    assert_eq!(annotated(limits::ANNOTATIONS), Ok(()));
    let error = annotated(limits::ANNOTATIONS + 1).unwrap_err();
    assert!(
        error.contains("the number of annotations is 1001"),
        "{error}"
    );
}
