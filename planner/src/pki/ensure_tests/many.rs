//! Several nodes of one cluster: what they share is made once, what is theirs is theirs alone.

use super::*;
use crate::pki::ensure::{EnsuredNodes, ensure_nodes, read_existing_nodes};
use crate::pki::{Materials, requests::requests_nodes};
use crate::testing::{default_config, joining_control_plane_config, joining_worker_config};

/// A node that creates the cluster, two that join its control plane, and workers.
fn cluster(workers: usize) -> Vec<ValidConfig> {
    let named = |mut config: ValidConfig, name: &str| {
        config.node.name = name.parse().unwrap();
        config.key_algorithm = KeyAlgorithm::EcdsaP256;
        config
    };
    let mut nodes = vec![
        named(default_config(), "cp1"),
        named(joining_control_plane_config(), "cp2"),
        named(joining_control_plane_config(), "cp3"),
    ];
    nodes.extend((1..=workers).map(|number| named(joining_worker_config(), &format!("w{number}"))));
    nodes
}

fn ensure_all(
    nodes: &[ValidConfig],
    store: StoreContents,
    source: &dyn KeySource,
) -> Result<EnsuredNodes, PkiError> {
    ensure_nodes(nodes, store, now(), source, &|_| {})
}

/// Names of the certificates a node gets, those with a key marked.
fn gets(materials: &Materials, at: usize) -> Vec<String> {
    let material = materials.of(at).unwrap();
    let certificates = material.certificates.iter();
    certificates
        .map(|(name, certificate)| match certificate.key_pem {
            Some(_) => format!("{name}+key"),
            None => name.clone(),
        })
        .chain(material.service_account.map(|_| "sa+key".to_owned()))
        .collect()
}

#[test]
fn authorities_are_made_once_and_only_control_planes_get_their_keys() {
    let nodes = cluster(2);
    let ensured = ensure_all(&nodes, StoreContents::default(), &RandomSource).unwrap();
    let made: Vec<&str> = ensured.changes.iter().map(|c| c.path.as_str()).collect();
    assert_eq!(
        made[..4],
        ["ca.crt", "front-proxy-ca.crt", "etcd/ca.crt", "sa.key"]
    );
    assert_eq!(
        made.iter()
            .filter(|path| path.contains("nodes/cp1/"))
            .count(),
        12
    );
    assert_eq!(
        made.iter()
            .filter(|path| path.contains("nodes/cp2/"))
            .count(),
        11
    );
    assert_eq!(
        made[made.len() - 2..],
        ["nodes/w1/kubelet.conf.crt", "nodes/w2/kubelet.conf.crt"]
    );

    assert_eq!(gets(&ensured.materials, 3), ["ca", "kubelet.conf+key"]);
    let joining = gets(&ensured.materials, 1);
    for name in [
        "ca+key",
        "etcd-ca+key",
        "front-proxy-ca+key",
        "sa+key",
        "kubelet.conf+key",
    ] {
        assert!(joining.contains(&name.to_owned()), "{name}");
    }
    assert!(!joining.contains(&"super-admin.conf+key".to_owned()));
    assert!(ensured.materials.of(5).is_none());

    // Only the node that makes the cluster has its tokens.
    let second = ensure_all(&nodes, ensured.store.clone(), &RandomSource).unwrap();
    assert_eq!(second.changes, []);
    assert_eq!(second.store, ensured.store);
    for (at, node) in nodes.iter().enumerate() {
        let found = second.materials.of(at).unwrap();
        let first = ensured.materials.of(at).unwrap();
        assert_eq!(
            format!("{found:?}"),
            format!("{first:?}"),
            "{}",
            node.node.name
        );
    }
}

#[test]
fn one_worker_alone_makes_no_more_than_the_cluster_ca() {
    let nodes = cluster(1);
    let ensured = ensure_all(&nodes[3..], StoreContents::default(), &RandomSource).unwrap();
    let paths: Vec<&String> = ensured.store.files.keys().collect();
    assert_eq!(
        paths,
        [
            "ca.crt",
            "ca.key",
            "nodes/w1/kubelet.conf.crt",
            "nodes/w1/kubelet.conf.key"
        ]
    );
    // The others come later, under the same CA.
    let all = ensure_all(&nodes, ensured.store.clone(), &RandomSource).unwrap();
    assert_eq!(all.store.files["ca.key"], ensured.store.files["ca.key"]);
    assert!(all.changes.iter().all(|change| !change.path.contains("w1")));
}

#[test]
fn the_order_of_nodes_and_of_threads_changes_no_byte() {
    let source = TestPki::new("1");
    let nodes = cluster(9);
    let all = ensure_all(&nodes, StoreContents::default(), &source)
        .unwrap()
        .store;
    let alone = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let again = alone.install(|| ensure_all(&nodes, StoreContents::default(), &source));
    assert_eq!(again.unwrap().store, all);
    let mut turned = nodes.clone();
    turned[1..].reverse();
    let turned = ensure_all(&turned, StoreContents::default(), &source).unwrap();
    assert_eq!(turned.store, all);
    // One after the other, as with `--node`.
    let mut store = StoreContents::default();
    for node in &nodes {
        store = ensure_all(std::slice::from_ref(node), store, &source)
            .unwrap()
            .store;
    }
    assert_eq!(store, all);
}

#[test]
fn everything_that_does_not_fit_on_any_node_is_said_at_once_and_nothing_is_made() {
    let nodes = cluster(60);
    let mut store = ensure_all(&nodes, StoreContents::default(), &RandomSource)
        .unwrap()
        .store;
    let foreign = ensure_all(&nodes, StoreContents::default(), &RandomSource)
        .unwrap()
        .store;
    for number in 1..=60 {
        let path = format!("nodes/w{number}/kubelet.conf.key");
        store
            .files
            .insert(path.clone(), foreign.files[&path].clone());
    }
    let error = lines(&ensure_all(&nodes, store, &RandomSource).unwrap_err());
    assert!(error.starts_with("60 errors in the key store\n"), "{error}");
    assert!(
        error.contains("`nodes/w1/kubelet.conf.key` is not the private key"),
        "{error}"
    );
    assert!(error.ends_with("\n  - and 20 more"), "{error}");
}

#[test]
fn reading_gives_each_node_what_it_has_and_names_those_that_lack_something() {
    let nodes = cluster(2);
    let read = |store: &StoreContents| read_existing_nodes(&nodes, store, now()).unwrap();
    assert!(read(&StoreContents::default()).is_none());
    let mut store = ensure_all(&nodes, StoreContents::default(), &RandomSource)
        .unwrap()
        .store;
    store.files.retain(|path, _| !path.starts_with("nodes/w2/"));
    let materials = read(&store).unwrap();
    let lacking: Vec<&str> = materials.incomplete().map(|name| name.as_str()).collect();
    assert_eq!(lacking, ["w2"]);
    assert!(materials.of(3).is_some() && materials.of(4).is_none());
}

#[test]
fn a_crash_while_many_nodes_are_saved_is_mended_by_the_next_run() {
    let nodes = cluster(3);
    let after = ensure_all(&nodes, StoreContents::default(), &RandomSource)
        .unwrap()
        .store;
    let before = StoreContents::default();
    let batches: Vec<_> = save_batches(&before, &after)
        .collect::<Result<_, _>>()
        .unwrap();
    for store in crashes(&before, &batches) {
        let repaired = ensure_all(&nodes, store, &RandomSource).unwrap();
        for at in 0..nodes.len() {
            let material = repaired.materials.of(at).unwrap();
            let mut certificates = material.certificates.values();
            assert!(certificates.all(|certificate| !certificate.row.user_supplied));
        }
        assert!(repaired.store.index.as_ref().unwrap().pending.is_empty());
        let again = ensure_all(&nodes, repaired.store, &RandomSource).unwrap();
        assert_eq!(again.changes, []);
    }
}

#[test]
fn requests_to_an_external_ca_are_made_for_every_node() {
    let nodes = cluster(2);
    let empty = StoreContents::default();
    let asked = requests_nodes(&nodes, empty, now(), &RandomSource, &|_| {}).unwrap();
    let of = |node: &str| {
        let prefix = format!("nodes/{node}/");
        asked
            .requests
            .iter()
            .filter(|r| r.request.starts_with(&prefix))
            .count()
    };
    assert_eq!(
        ["cp1", "cp2", "cp3", "w1", "w2"].map(of),
        [12, 11, 11, 1, 1]
    );
    assert_eq!(
        asked.missing_authorities,
        ["ca.crt", "front-proxy-ca.crt", "etcd/ca.crt"]
    );
    let keys = asked
        .store
        .files
        .keys()
        .filter(|path| path.ends_with(".key"))
        .count();
    assert_eq!(keys, 36);
}
