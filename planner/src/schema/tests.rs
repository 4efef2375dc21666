use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::*;
use crate::config::kubeadm as typed;
use crate::kubeadm::releases::RELEASES;

fn keys_of<T: Serialize + Default>() -> BTreeSet<String> {
    match serde_json::to_value(T::default()).unwrap() {
        Value::Object(entries) => entries.into_iter().map(|(key, _)| key).collect(),
        other => panic!("{other}"),
    }
}

#[test]
fn tables_and_typed_structs_have_the_same_fields() {
    let pairs: Vec<(&Object, BTreeSet<String>)> = vec![
        (
            &kubeadm_v1beta4::INIT_CONFIGURATION,
            keys_of::<typed::InitConfiguration>(),
        ),
        (
            &kubeadm_v1beta4::CLUSTER_CONFIGURATION,
            keys_of::<typed::ClusterConfiguration>(),
        ),
        (
            &crate::kubeadm::go_types::tables::bootstraptoken_v1::BOOTSTRAP_TOKEN,
            keys_of::<typed::BootstrapToken>(),
        ),
        (
            &kubeadm_v1beta4::NODE_REGISTRATION_OPTIONS,
            keys_of::<typed::NodeRegistration>(),
        ),
        (
            &kubeadm_v1beta4::API_ENDPOINT,
            keys_of::<typed::ApiEndpoint>(),
        ),
        (&kubeadm_v1beta4::PATCHES, keys_of::<typed::Patches>()),
        (&kubeadm_v1beta4::TIMEOUTS, keys_of::<typed::Timeouts>()),
        (&kubeadm_v1beta4::ARG, keys_of::<typed::Arg>()),
        (&kubeadm_v1beta4::ETCD, keys_of::<typed::Etcd>()),
        (&kubeadm_v1beta4::LOCAL_ETCD, keys_of::<typed::LocalEtcd>()),
        (
            &kubeadm_v1beta4::EXTERNAL_ETCD,
            keys_of::<typed::ExternalEtcd>(),
        ),
        (&kubeadm_v1beta4::NETWORKING, keys_of::<typed::Networking>()),
        (
            &kubeadm_v1beta4::CONTROL_PLANE_COMPONENT,
            keys_of::<typed::ControlPlaneComponent>(),
        ),
        (&kubeadm_v1beta4::API_SERVER, keys_of::<typed::ApiServer>()),
        (
            &kubeadm_v1beta4::HOST_PATH_MOUNT,
            keys_of::<typed::HostPathMount>(),
        ),
        (&kubeadm_v1beta4::DNS, keys_of::<typed::Dns>()),
        (&kubeadm_v1beta4::PROXY, keys_of::<typed::Proxy>()),
    ];
    for (object, typed) in pairs {
        let table: BTreeSet<String> = object.fields.iter().map(|f| f.name.to_owned()).collect();
        assert_eq!(
            table.len(),
            object.fields.len(),
            "{}: a field twice",
            object.name
        );
        assert_eq!(table, typed, "{}", object.name);
    }
}

#[test]
fn no_table_has_a_field_twice() {
    fn visit(object: &Object) {
        let names: BTreeSet<_> = object.fields.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), object.fields.len(), "{}", object.name);
        for field in object.fields {
            // Otherwise older releases would print it.
            let everywhere = RELEASES
                .iter()
                .all(|release| field.releases.contains(release));
            assert!(everywhere || field.omitempty, "{}", field.name);
            let mut ty = &field.ty;
            while let Type::List(item) | Type::Map(item) = ty {
                ty = item;
            }
            if let Type::Object(inner) = ty {
                visit(inner);
            }
        }
    }
    for kind in Kind::ALL {
        visit(kind.object());
    }
    assert_eq!(Kind::Kubelet.object().fields.len(), 126);
}

#[test]
fn the_normal_form_follows_go() {
    let set = json!({
        "enableServer": false,
        "port": 0,
        "tlsCipherSuites": [],
        "maxPods": 5,
        "registerWithTaints": [{"key": "k"}],
        "memorySwap": {"swapBehavior": ""},
        "tracing": {},
    });
    let Value::Object(set) = set else { panic!() };
    let normal = normal_form(Kind::Kubelet, &set);
    assert_eq!(normal["enableServer"], json!(false), "a set pointer stays");
    assert!(!normal.contains_key("port"), "a zero number is omitted");
    assert!(
        !normal.contains_key("tlsCipherSuites"),
        "an empty list is omitted"
    );
    assert_eq!(normal["maxPods"], json!(5));
    assert_eq!(
        normal["registerWithTaints"],
        json!([{"key": "k", "effect": ""}])
    );
    assert_eq!(normal["memorySwap"], json!({}), "a struct is never omitted");
    assert_eq!(normal["tracing"], json!({}));
    assert_eq!(normal["syncFrequency"], json!("0s"));
    assert_eq!(normal["kind"], json!("KubeletConfiguration"));
    let proxy = normal_form(Kind::KubeProxy, &serde_json::Map::new());
    assert_eq!(
        proxy["oomScoreAdj"],
        Value::Null,
        "a nil pointer without omitempty is null"
    );
    assert_eq!(proxy["ipvs"]["excludeCIDRs"], Value::Null);
    assert!(!proxy.contains_key("featureGates"));
}
