//! Kubeconfigs against kubeadm's own, with and without credentials.

use super::*;
use crate::testing;

fn rendered(config: &ValidConfig, file_name: &str) -> String {
    let material = testing::material();
    let file = find(file_name).unwrap();
    let credentials = KubeconfigMaterial::of(file, &material).unwrap();
    match file.render(config, credentials).unwrap() {
        KubeconfigText::Secret(bytes) => String::from_utf8(bytes.expose().to_vec()).unwrap(),
        KubeconfigText::Public(text) => panic!("not a secret: {text}"),
    }
}

#[test]
fn every_file_is_what_kubeadm_writes() {
    for (config, reference) in [
        (testing::default_config(), testing::DEFAULT),
        (testing::ha_config(), testing::HA),
    ] {
        for file in FILES {
            let expected =
                testing::reference_file(reference, &format!("etc/kubernetes/{}", file.file_name));
            let found = rendered(&config, file.file_name);
            assert_eq!(testing::elide_data(&found), expected, "{}", file.file_name);
        }
    }
}

#[test]
fn the_kubelets_server_follows_the_gate_in_releases_that_honour_it() {
    let mut config = testing::ha_config();
    let gate = "ControlPlaneKubeletLocalMode";
    config.cluster.feature_gates.insert(gate.into(), false);
    let (endpoint, local) = (config.control_plane_url(), config.local_endpoint_url());
    for (minor, expected) in [(33, &endpoint), (34, &endpoint), (35, &local), (36, &local)] {
        config.release = crate::kubeadm::releases::find(minor).unwrap();
        let text = rendered(&config, "kubelet.conf");
        assert!(text.contains(&format!("server: {expected}\n")), "1.{minor}");
    }
    config.cluster.feature_gates.clear();
    config.release = crate::kubeadm::releases::find(33).unwrap();
    let text = rendered(&config, "kubelet.conf");
    assert!(text.contains(&local) && text.contains("\npreferences: {}\n"));
}

#[test]
fn credentials_are_embedded_as_base64_of_pem() {
    let text = rendered(&testing::default_config(), "admin.conf");
    let data = |key: &str| {
        let line = text
            .lines()
            .find(|line| line.trim().starts_with(key))
            .unwrap();
        STANDARD.decode(line.rsplit(' ').next().unwrap()).unwrap()
    };
    let material = testing::material();
    let client = &material.certificates["admin.conf"];
    let ca = &material.certificates["ca"];
    assert_eq!(
        data("certificate-authority-data:"),
        ca.certificate_pem.as_bytes()
    );
    assert_eq!(
        data("client-certificate-data:"),
        client.certificate_pem.as_bytes()
    );
    assert_eq!(
        data("client-key-data:"),
        client.key_pem.as_ref().unwrap().expose()
    );
}

#[test]
fn without_a_key_store_placeholders_stand_for_credentials() {
    let config = testing::default_config();
    let file = find("scheduler.conf").unwrap();
    let Ok(KubeconfigText::Public(text)) = file.render(&config, KubeconfigMaterial::Placeholders)
    else {
        panic!("no public text");
    };
    assert!(text.contains("certificate-authority-data: <ca>\n"));
    assert!(text.contains("client-certificate-data: <scheduler.conf>\n"));
    assert!(text.contains("client-key-data: <sealed>\n"));
    assert!(text.contains("server: https://192.168.10.11:6443\n"));
}

#[test]
fn ipv6_servers_are_in_brackets() {
    let text = rendered(&testing::ipv6_config(), "kubelet.conf");
    assert!(
        text.contains("server: https://[2001:db8::10]:6443\n"),
        "{text}"
    );
}

#[test]
fn the_control_plane_endpoint_stays_as_written() {
    for endpoint in ["[FD00:0::1]:6443", "10.0.0.1:08443", "api.example.com:443"] {
        let mut config = testing::ha_config();
        config.cluster.control_plane_endpoint = endpoint.into();
        let text = rendered(&config, "admin.conf");
        assert!(
            text.contains(&format!("server: https://{endpoint}\n")),
            "{text}"
        );
    }
}

#[test]
fn a_missing_key_or_certificate_is_named() {
    let file = find("admin.conf").unwrap();
    let mut material = testing::material();
    assert!(KubeconfigMaterial::of(file, &material).is_ok());
    material.certificates.get_mut("admin.conf").unwrap().key_pem = None;
    let error = KubeconfigMaterial::of(file, &material).unwrap_err();
    assert!(error.to_string().contains("no private key of `admin.conf`"));
    material.certificates.remove("ca");
    let error = KubeconfigMaterial::of(file, &material).unwrap_err();
    assert!(error.to_string().contains("no certificate `ca`"));
}

#[test]
fn only_kubelet_conf_is_handed_off() {
    let handed: Vec<_> = FILES.iter().filter(|file| file.handoff).collect();
    assert_eq!(handed.len(), 1);
    assert_eq!(handed[0].file_name, "kubelet.conf");
}
