//! Join facts: the round trip through a seal, and every value that is not in its form.

use super::*;

const CA: &str = include_str!("../../../fixtures/stores/single-node-external-ca/etcd/ca.crt");

fn host() -> (Identities, Recipient) {
    let (file, recipient) = Identities::generate();
    (Identities::parse(&file, "new").unwrap(), recipient)
}

fn secrets() -> JoinSecrets {
    let text = |text: &str| SecretBytes::from_text(text.to_owned());
    JoinSecrets {
        bootstrap_kubeconfig: text("apiVersion: v1\nusers: [{user: {token: hunter2}}]\n"),
        files: BTreeMap::from([
            ("ca.crt".to_owned(), text("certificate\n")),
            ("etcd/ca.key".to_owned(), text("key\n")),
        ]),
    }
}

fn facts(recipients: &[Recipient]) -> JoinFacts {
    JoinFacts {
        format: FORMAT.to_owned(),
        discovered: "2026-11-20T10:23:25Z".parse().unwrap(),
        server: "https://10.0.0.1:6443".to_owned(),
        ca_certificates: CA.to_owned(),
        cluster_configuration: "kind: ClusterConfiguration\n".to_owned(),
        kubelet_configuration: "kind: KubeletConfiguration\n".to_owned(),
        kube_proxy_configuration: Some("kind: KubeProxyConfiguration\n".to_owned()),
        token_endpoint: Some("[fd00::1]:6443".to_owned()),
        control_plane: true,
        certificate_key: true,
        sealed: SealedSecrets::seal(&secrets(), recipients).unwrap(),
    }
}

#[test]
fn facts_are_written_read_and_opened_by_their_host_only() {
    let (identities, recipient) = host();
    let facts = facts(std::slice::from_ref(&recipient));
    let text = facts.to_json().unwrap();
    assert!(!text.contains("hunter2"));
    let read = JoinFacts::parse(text.as_bytes()).unwrap();
    assert_eq!(read, facts);
    assert_eq!(read.sealed.recipients, [recipient.to_text()]);
    assert_eq!(read.open(&identities).unwrap(), secrets());
    assert!(matches!(
        read.open(&host().0),
        Err(JoinFactsError::Seal(SealError::NoMatchingIdentity))
    ));
    let shown = format!("{:?}", read.open(&identities).unwrap());
    assert!(
        shown.contains("ca.crt") && !shown.contains("hunter2"),
        "{shown}"
    );
    let least = JoinFacts {
        server: "https://cluster.example.com".to_owned(),
        kube_proxy_configuration: None,
        token_endpoint: None,
        ..facts
    };
    let text = least.to_json().unwrap();
    assert_eq!(JoinFacts::parse(text.as_bytes()).unwrap(), least);
}

#[test]
fn the_sealed_part_is_armored_as_age_does_it() {
    let (identities, recipient) = host();
    let sealed = facts(&[recipient]).sealed.age;
    assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    assert!(sealed.ends_with("-----END AGE ENCRYPTED FILE-----\n"));
    assert!(sealed.lines().all(|line| line.len() <= 64));
    assert!(
        armored(&sealed)
            .unwrap()
            .starts_with(b"age-encryption.org/v1\n")
    );
    assert!(age_file::decrypt(&armored(&sealed).unwrap(), &identities).is_ok());
}

#[test]
fn a_value_that_is_not_in_its_form_is_refused() {
    let text = facts(&[host().1]).to_json().unwrap();
    assert!(JoinFacts::parse(text.as_bytes()).is_ok());
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let long = "a".repeat(MAX_DOCUMENT + 1);
    for (field, wrong, expected) in [
        ("/format", "kubeplan.io/join-facts/2", "the format is"),
        ("/discovered", "yesterday", "not a valid document"),
        ("/server", "http://10.0.0.1:6443", "server"),
        ("/server", "https://", "server"),
        ("/server", "https://fd00::1:6443", "server"),
        ("/server", "https://[fd00::g]:6443", "server"),
        ("/server", "https://10.0.0.1:6443/api", "server"),
        ("/server", "https://u:p@10.0.0.1:6443", "server"),
        ("/server", "https://10.0.0.1:06443", "server"),
        ("/server", "https://a b:6443", "server"),
        ("/caCertificates", "", "caCertificates"),
        ("/caCertificates", key, "caCertificates"),
        ("/clusterConfiguration", "", "clusterConfiguration"),
        ("/clusterConfiguration", "a\0b", "clusterConfiguration"),
        ("/kubeletConfiguration", &long, "kubeletConfiguration"),
        ("/kubeProxyConfiguration", " \n", "kubeProxyConfiguration"),
        ("/tokenEndpoint", "10.0.0.1", "tokenEndpoint"),
        ("/tokenEndpoint", ":6443", "tokenEndpoint"),
        ("/sealed/recipients/0", "alice", "sealed.recipients"),
        ("/sealed/age", "age-encryption.org/v1", "sealed.age"),
        ("/sealed/age", key, "sealed.age"),
    ] {
        let mut changed = value.clone();
        *changed.pointer_mut(field).unwrap() = wrong.into();
        let error = JoinFacts::parse(changed.to_string().as_bytes()).unwrap_err();
        assert!(
            error.to_string().contains(expected),
            "{field} {wrong}: {error}"
        );
    }
    let mut worker = value.clone();
    *worker.pointer_mut("/controlPlane").unwrap() = false.into();
    let error = JoinFacts::parse(worker.to_string().as_bytes()).unwrap_err();
    assert!(error.to_string().contains("certificateKey"), "{error}");
    let mut without_recipients = value;
    *without_recipients
        .pointer_mut("/sealed/recipients")
        .unwrap() = serde_json::json!([]);
    assert!(JoinFacts::parse(without_recipients.to_string().as_bytes()).is_err());
    for text in [
        text.replacen('{', "{\"more\": 1,", 1),
        text.replacen('{', "{\"controlPlane\": true,", 1),
        format!("{text}{text}"),
    ] {
        let error = JoinFacts::parse(text.as_bytes()).unwrap_err();
        assert!(matches!(error, JoinFactsError::Syntax(_)), "{error}");
    }
    let large = format!("{text}{}", " ".repeat(MAX_SIZE));
    let error = JoinFacts::parse(large.as_bytes()).unwrap_err();
    assert!(matches!(error, JoinFactsError::TooLarge(_)), "{error}");
}

#[test]
fn secrets_of_another_form_are_refused_without_showing_them() {
    let (identities, recipient) = host();
    let good = facts(std::slice::from_ref(&recipient));
    let sealed = |plaintext: &str| {
        let file = age_file::encrypt(plaintext.as_bytes(), std::slice::from_ref(&recipient));
        let mut facts = good.clone();
        facts.sealed.age = armor(file.unwrap());
        facts
    };
    let fine = sealed("{\"bootstrapKubeconfig\": \"a\", \"files\": {}}");
    assert!(fine.open(&identities).is_ok());
    for wrong in [
        "hunter2",
        "{\"bootstrapKubeconfig\": \"hunter2\"}",
        "{\"bootstrapKubeconfig\": \"\", \"files\": {}}",
        "{\"bootstrapKubeconfig\": \"hunter2\", \"files\": {}, \"hunter2\": 1}",
        "{\"bootstrapKubeconfig\": \"a\", \"files\": {\"../hunter2\": \"a\"}}",
        "{\"bootstrapKubeconfig\": \"a\", \"files\": {\"ca.key\": \"\"}}",
    ] {
        let error = sealed(wrong).open(&identities).unwrap_err();
        assert!(
            matches!(error, JoinFactsError::Secrets),
            "{wrong}: {error:?}"
        );
        assert!(!format!("{error:?}{error}").contains("hunter2"));
    }
    let mut worker = good;
    worker.control_plane = false;
    let error = worker.open(&identities).unwrap_err();
    assert!(matches!(error, JoinFactsError::Secrets), "{error:?}");
    let mut unknown = secrets();
    unknown
        .files
        .insert("admin.conf".to_owned(), SecretBytes::new(vec![b'a']));
    assert!(SealedSecrets::seal(&unknown, &[recipient]).is_err());
    assert!(matches!(
        SealedSecrets::seal(&secrets(), &[]),
        Err(JoinFactsError::Seal(SealError::NoRecipient))
    ));
}

#[test]
fn the_shared_files_are_named_once() {
    for names in [
        SHARED_FILES.map(|(key, _)| key),
        SHARED_FILES.map(|(_, file)| file),
    ] {
        let unique: std::collections::BTreeSet<&str> = names.into_iter().collect();
        assert_eq!(unique.len(), SHARED_FILES.len());
    }
}
