//! Which certificates and keys a node that joins gets, and where they lie.

use super::*;

#[test]
fn a_worker_cannot_reach_the_key_of_a_ca() {
    let material = testing::material();
    let planned = plan(&testing::joining_worker_config());
    let own = "key of kubelet.conf\n";
    for entry in &planned.entries {
        let found = match &entry.content {
            PlannedContent::Secret { .. } | PlannedContent::Public(_) => text(entry),
            PlannedContent::Directory => continue,
        };
        let keys = material.certificates.values().filter_map(|certificate| {
            let key = certificate.key_pem.as_ref()?;
            Some(String::from_utf8(key.expose().to_vec()).unwrap())
        });
        let account = "key of sa\n".to_owned();
        for key in keys.chain([account]).filter(|key| key != own) {
            use base64::Engine as _;
            let encoded = base64::engine::general_purpose::STANDARD.encode(&key);
            assert!(!found.contains(&key) && !found.contains(&encoded), "{key}");
        }
    }
    let config = testing::joining_worker_config();
    let mut none = material.clone();
    none.certificates.remove("ca");
    let error = plan_node(&config, MaterialSource::Issued(&none)).unwrap_err();
    assert!(matches!(error, PlanError::NoCertificate(_)), "{error}");
    none = material;
    none.certificates.remove("kubelet.conf");
    let error = plan_node(&config, MaterialSource::Issued(&none)).unwrap_err();
    assert!(matches!(error, PlanError::Kubeconfig(_)), "{error}");
    assert!(
        plan_node(
            &testing::bootstrapping(config),
            MaterialSource::Issued(&none)
        )
        .is_ok()
    );
}

#[test]
fn certificates_are_those_of_the_node() {
    let names = |config: &ValidConfig| -> Vec<String> {
        let rows = plan(config).certificates;
        rows.into_iter()
            .map(|row| format!("{} {}", row.name, row.path))
            .collect()
    };
    let mut worker = testing::joining_worker_config();
    if let crate::config::valid::Membership::Joins(joining) = &mut worker.membership {
        joining.ca_cert_path = Some("/srv/cluster/ca.crt".into());
    }
    assert_eq!(
        names(&worker),
        [
            "ca /srv/cluster/ca.crt",
            "kubelet.conf /etc/kubernetes/kubelet.conf"
        ]
    );
    assert_eq!(
        names(&testing::bootstrapping(worker)),
        ["ca /srv/cluster/ca.crt"]
    );
    let control_plane = testing::joining_control_plane_config();
    let found = names(&control_plane);
    assert_eq!(found.len(), 14);
    assert!(found.iter().all(|name| !name.starts_with("super-admin")));
    let found = names(&testing::bootstrapping(control_plane.clone()));
    assert_eq!(found.len(), 13);
    for config in [
        control_plane.clone(),
        testing::bootstrapping(control_plane.clone()),
    ] {
        let wanted: Vec<&str> = profiles(&config)
            .iter()
            .map(|profile| profile.name)
            .collect();
        let planned: Vec<String> = plan(&config)
            .certificates
            .into_iter()
            .map(|row| row.name)
            .collect();
        assert_eq!(planned, wanted);
    }
}

#[test]
fn the_ca_lies_where_the_configuration_says() {
    let with_path = |mut config: ValidConfig, path: &str| {
        if let crate::config::valid::Membership::Joins(joining) = &mut config.membership {
            joining.ca_cert_path = Some(path.into());
        }
        config
    };
    let places = |config: &ValidConfig| -> Vec<String> {
        let found = files(&plan(config)).into_iter();
        found.filter(|file| file.ends_with("ca.crt")).collect()
    };
    let worker = testing::joining_worker_config();
    for path in ["/etc/kubernetes/ca.crt", "/srv/cluster/ca.crt"] {
        let found = places(&with_path(worker.clone(), path));
        assert_eq!(found, [format!("0644 {path}")]);
    }
    let control_plane = testing::joining_control_plane_config();
    let beside = with_path(control_plane.clone(), "/etc/kubernetes/pki/join-ca.crt");
    assert_eq!(places(&beside).len(), 4, "{:?}", places(&beside));
    // Alone, the phase writes what it finds there otherwise.
    let mut alone = control_plane;
    alone.only_phases = vec!["kubelet-start"];
    assert_eq!(places(&alone), ["0644 /etc/kubernetes/pki/ca.crt"]);
}
