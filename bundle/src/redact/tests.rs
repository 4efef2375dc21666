//! Redaction: what the twins look like, what is refused, and that no secret survives.

use proptest::prelude::*;
use serde_json::Value;

use super::schema::{KUBECONFIG as KUBECONFIG_SCHEMA, SECRET as SECRET_SCHEMA};
use super::yaml::is_hole;
use super::*;

const KUBECONFIG: &str = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0tLS1DRVJU
    server: https://10.0.0.1:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: kubernetes-admin
  name: kubernetes-admin@kubernetes
current-context: kubernetes-admin@kubernetes
kind: Config
preferences: {}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: LS0tLS1DRVJURQ==
    client-key-data: LS0tLS1CRUdJTiBSU0E=
    token: \"abcdef.0123456789abcdef\"
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
      - --audience=https://api.example
      command: get-token
";

const KUBECONFIG_TWIN: &str = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0tLS1DRVJU
    server: https://10.0.0.1:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: kubernetes-admin
  name: kubernetes-admin@kubernetes
current-context: kubernetes-admin@kubernetes
kind: Config
preferences: {}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: LS0tLS1DRVJURQ==
    client-key-data: <sealed>
    token: <sealed>
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
      - --audience=https://api.example
      command: get-token
";

const SECRET: &str = "\
apiVersion: v1
data:
  token-id: YWJjZGVm
  token-secret: MDEyMzQ1Njc4OWFiY2RlZg==
  expiration: <hole:token-expiry>
  .dockerconfigjson: e30=
stringData:
  usage: \"true\"
kind: Secret
metadata:
  annotations:
    kubernetes.io/service-account.name: default
  labels:
    app.kubernetes.io/name: kubeplan
  name: bootstrap-token-abcdef
  namespace: kube-system
  ownerReferences:
  - apiVersion: v1
    controller: true
    kind: Secret
    name: bootstrap-token-abcdef
    uid: <hole:owner-uid>
type: bootstrap.kubernetes.io/token
";

const SECRET_TWIN: &str = "\
apiVersion: v1
data:
  token-id: YWJjZGVm
  token-secret: <sealed>
  expiration: <hole:token-expiry>
  .dockerconfigjson: <sealed>
stringData:
  usage: <sealed>
kind: Secret
metadata:
  annotations:
    kubernetes.io/service-account.name: default
  labels:
    app.kubernetes.io/name: kubeplan
  name: bootstrap-token-abcdef
  namespace: kube-system
  ownerReferences:
  - apiVersion: v1
    controller: true
    kind: Secret
    name: bootstrap-token-abcdef
    uid: <hole:owner-uid>
type: bootstrap.kubernetes.io/token
";

const ENCRYPTION: &str = "\
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources:
  - secrets
  - configmaps
  providers:
  - aescbc:
      keys:
      - name: key1
        secret: c2VjcmV0IGlzIHNlY3VyZQ==
      - name: key2
        secret: dGhpcyBpcyBwYXNzd29yZA==
  - secretbox:
      keys:
      - name: key3
        secret: YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY=
  - kms:
      apiVersion: v2
      endpoint: unix:///var/run/kms.sock
      name: kms
      timeout: 3s
  - identity: {}
";

const ENCRYPTION_TWIN: &str = "\
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources:
  - secrets
  - configmaps
  providers:
  - aescbc:
      keys:
      - name: key1
        secret: <sealed>
      - name: key2
        secret: <sealed>
  - secretbox:
      keys:
      - name: key3
        secret: <sealed>
  - kms:
      apiVersion: v2
      endpoint: unix:///var/run/kms.sock
      name: kms
      timeout: 3s
  - identity: {}
";

/// As `docker login` writes it: tabs, no line feed at the end. `auth` is `robot:hunter2hunter2`.
const REGISTRIES: &str = "{\n\t\"auths\": {\n\t\t\"https://registry.example/v1/\": {\n\t\t\t\"auth\": \"cm9ib3Q6aHVudGVyMmh1bnRlcjI=\"\n\t\t},\n\t\t\"b.example\": {\"username\": \"u\", \"password\": \"a\\\"b\\\\hunter3\", \"identitytoken\": \"hunter4hunter4\"}\n\t}\n}";

const REGISTRIES_TWIN: &str = "{\n\t\"auths\": {\n\t\t\"https://registry.example/v1/\": {\n\t\t\t\"auth\": \"robot:<sealed>\"\n\t\t},\n\t\t\"b.example\": {\"username\": \"u\", \"password\": \"<sealed>\", \"identitytoken\": \"<sealed>\"}\n\t}\n}";

/// The head of a kubeconfig, for lines of users.
const HEAD: &str = "apiVersion: v1\nkind: Config\n";

fn text(class: SecretClass, plaintext: &str) -> Result<String, RedactError> {
    twin(class, plaintext.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn twins_keep_the_structure_and_lose_the_secrets() {
    let key = include_str!("../../testdata/keys/rsa-pkcs1.pem");
    let key_twin = "-----BEGIN RSA PRIVATE KEY-----\n<sealed>\n-----END RSA PRIVATE KEY-----\n";
    let ec = include_str!("../../testdata/keys/p256-with-parameters.pem");
    let ec_twin = "-----BEGIN EC PARAMETERS-----\n<sealed>\n-----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\n<sealed>\n-----END EC PRIVATE KEY-----\n";
    let cases = [
        (SecretClass::PrivateKey, key, key_twin),
        (SecretClass::PrivateKey, ec, ec_twin),
        (SecretClass::Kubeconfig, KUBECONFIG, KUBECONFIG_TWIN),
        (SecretClass::SecretObject, SECRET, SECRET_TWIN),
        (SecretClass::EncryptionConfig, ENCRYPTION, ENCRYPTION_TWIN),
        (SecretClass::RegistryAuth, REGISTRIES, REGISTRIES_TWIN),
    ];
    for (class, plaintext, expected) in cases {
        assert_eq!(text(class, plaintext).unwrap(), expected, "{class:?}");
    }
    let windows = key.replace('\n', "\r\n");
    assert_eq!(text(SecretClass::PrivateKey, &windows).unwrap(), key_twin);
}

#[test]
fn a_list_may_be_indented_or_not() {
    let indented = format!("{HEAD}users:\n  - name: x\n    user:\n      token: abcdefghij\n");
    assert_eq!(
        text(SecretClass::Kubeconfig, &indented).unwrap(),
        format!("{HEAD}users:\n  - name: x\n    user:\n      token: <sealed>\n")
    );
}

#[test]
fn private_key_files_with_anything_else_are_refused() {
    let good = include_str!("../../testdata/keys/p256-pkcs8.pem");
    let twin_of_good = text(SecretClass::PrivateKey, good).unwrap();
    for same in [
        good.replace('\n', "\r\n"),
        format!("\n{good}\n\n"),
        good.trim_end().to_owned(),
    ] {
        assert_eq!(text(SecretClass::PrivateKey, &same).unwrap(), twin_of_good);
    }
    let (begin, rest) = good.split_once('\n').unwrap();
    let (line, _) = rest.split_once('\n').unwrap();
    let parameters = include_str!("../../testdata/keys/p256-with-parameters.pem");
    let label = |label: &str| good.replace("PRIVATE KEY", label);
    let cases = [
        String::new(),
        "\n".to_owned(),
        "MIIE\n".to_owned(),
        format!("{begin}\n{line}\n"),
        good.replace("END PRIVATE KEY", "END EC PRIVATE KEY"),
        label("CERTIFICATE"),
        label("OPENSSH PRIVATE KEY"),
        label("hunter2 PRIVATE KEY"),
        format!("{good}{good}"),
        format!("comment\n{good}"),
        format!("{good}comment\n"),
        // A line that is not base64: a unit, a manifest, a comment.
        good.replace(line, &format!("{line}\n[Service]")),
        good.replace(line, &format!("{line}\nExecStart=/bin/sh")),
        good.replace(line, &format!("apiVersion: v1\n{line}")),
        good.replace(line, &format!("{line}\n")),
        good.replace(line, &format!("{line} ")),
        good.replace(line, &format!(" {line}")),
        good.replace(line, &line.replacen('M', "M\t", 1)),
        good.replace(&line[..60], &format!("{}\n", &line[..60])),
        good.replace('\n', "")
            .replace("-----M", "-----\nM")
            .replace("-----END", "\n-----END"),
        good.replace("-----END", "AAAA\n-----END"),
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned(),
        parameters.replace("BggqhkjOPQMBBw==", "BgUrgQQACg=="),
        parameters.replace("EC PRIVATE KEY", "PRIVATE KEY"),
        parameters
            .split_inclusive("-----END EC PARAMETERS-----\n")
            .take(1)
            .collect(),
    ];
    for bad in &cases {
        let error = text(SecretClass::PrivateKey, bad).unwrap_err();
        assert_eq!(error.reason, Reason::Pem, "{bad}");
        assert!(!error.to_string().contains("hunter2"));
    }
    assert!(twin(SecretClass::PrivateKey, b"\xff").is_err());
    for encrypted in [
        include_str!("../../testdata/keys/rsa-encrypted-pkcs1.pem"),
        include_str!("../../testdata/keys/rsa-encrypted-pkcs8.pem"),
    ] {
        let error = text(SecretClass::PrivateKey, encrypted).unwrap_err();
        assert_eq!(error.reason, Reason::EncryptedKey);
    }
}

#[test]
fn places_where_a_secret_could_hide_are_refused() {
    use Reason as R;
    let control = format!("{HEAD}users:\n- name: x\n  user:\n    token: hunter2hunter2\n");
    assert!(text(SecretClass::Kubeconfig, &control).is_ok());
    let kind = SECRET_OR_CONFIG_KIND;
    let cases: &[(&str, usize, R)] = &[
        ("kind: |\n  hunter2\n", 1, R::Value),
        ("kind: >-\n  hunter2\n", 1, R::Value),
        ("users: {token: hunter2}\n", 1, R::Value),
        ("users: [hunter2]\n", 1, R::Value),
        ("{\"token\": \"hunter2\"}\n", 1, R::Shape),
        ("\"token\": hunter2\n", 1, R::Shape),
        ("'token': hunter2\n", 1, R::Shape),
        ("? token\n: hunter2\n", 1, R::Shape),
        ("kind: &x hunter2\n", 1, R::Value),
        ("kind: *x\n", 1, R::Value),
        ("kind: !!str hunter2\n", 1, R::Value),
        ("# hunter2\n", 1, R::Shape),
        ("kind: Config # hunter2\n", 1, R::Value),
        ("---\nkind: Config\n", 1, R::Shape),
        ("kind: Config\n...\nhunter2\n", 2, R::Shape),
        ("%YAML 1.2\n", 1, R::Shape),
        ("hunter2\n", 1, R::Shape),
        ("kind: Config\n  hunter2\n", 2, R::Shape),
        ("kind: Config\n  token: hunter2\n", 2, R::Indentation),
        ("kind: Config\n  - hunter2\n", 2, R::Indentation),
        ("kind: \"Config\n  hunter2\"\n", 1, R::Value),
        ("kind: 'Config\n  hunter2'\n", 1, R::Value),
        ("kind: \"Config\\\"\n", 1, R::Value),
        ("kind: \"Con\"fig\"\n", 1, R::Value),
        ("kind: 'Con'fig'\n", 1, R::Value),
        ("kind: a: hunter2\n", 1, R::Value),
        ("kind: - hunter2\n", 1, R::Value),
        ("users:\n- - hunter2\n", 2, R::Value),
        ("users:\n- name: x\n    user: hunter2\n", 3, R::Indentation),
        (
            "users:\n    - name: x\n  - user: hunter2\n",
            3,
            R::Indentation,
        ),
        ("users:\n  - name: x\n  user: hunter2\n", 3, R::Indentation),
        ("users:\n- name: x\nusers:\n- name: y\n", 3, R::Duplicate),
        ("users:\n- name: x\n  name: y\n", 3, R::Duplicate),
        ("kind: Config\nkind: Pod\n", 2, R::Duplicate),
        (
            "users:\n- user:\n    token: hunter2\n    token: hunter3\n",
            4,
            R::Duplicate,
        ),
        ("kind: Pod\n", 1, kind),
        ("kind: config\n", 1, kind),
        ("kind: <sealed>\n", 1, kind),
        ("kind: 'Con''fig'\n", 1, kind),
        ("apiVersion: v2\n", 1, kind),
        ("apiVersion: v1\n", 0, kind),
        ("kind: Config\n", 0, kind),
        ("users:\n- name: x\n", 0, kind),
        ("kind: \"\\x43onfig\"\n", 1, R::Escapes),
        ("users:\n- name: \"\\x41\"\n", 2, R::Escapes),
        ("Kind: Config\n", 1, R::Field),
        ("spec:\n  hostPID: true\n", 1, R::Field),
        ("extensions: {}\n", 1, R::Field),
        ("users: hunter2\n", 1, R::Field),
        ("users:\n  name: hunter2\n", 2, R::Field),
        (
            "users:\n- name: x\n  user:\n    auth-provider:\n      name: y\n",
            4,
            R::Field,
        ),
        (
            "users:\n- name: x\n  user:\n    exec:\n      env:\n      - name: PASSWORD\n",
            5,
            R::Field,
        ),
        ("  kind: Config\n", 1, R::Indentation),
        ("kind: Config \n", 1, R::Shape),
        ("kind:  Config\n", 1, R::Shape),
        ("\n", 1, R::Shape),
        ("kind:\tConfig\n", 1, R::Characters),
        ("kind: Config\r\n", 1, R::Characters),
        ("kind: Config\u{85}token: hunter2\n", 1, R::Characters),
        ("kind: Config\u{2028}token: hunter2\n", 1, R::Characters),
        ("kind: Config", 1, R::Characters),
        ("", 1, R::Characters),
    ];
    for (input, line, reason) in cases {
        let error = text(SecretClass::Kubeconfig, input).unwrap_err();
        assert_eq!((error.line, error.reason), (*line, *reason), "{input}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let deep: String = (0..40).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    assert!(text(SecretClass::Kubeconfig, &deep).is_err());
    let long = "a:\n".repeat(MAX_LINES + 1);
    assert_eq!(
        text(SecretClass::Kubeconfig, &long).unwrap_err(),
        RedactError {
            line: 0,
            class: SecretClass::Kubeconfig,
            reason: R::TooLarge
        }
    );
    let large = vec![b'\n'; MAX_SIZE + 1];
    for class in [SecretClass::Kubeconfig, SecretClass::RegistryAuth] {
        assert_eq!(twin(class, &large).unwrap_err().reason, R::TooLarge);
    }
}

const SECRET_OR_CONFIG_KIND: Reason = Reason::Kind {
    api_version: "v1",
    kind: "Config",
};

/// Anything but a `v1` `Secret`, however it is written.
#[test]
fn a_sealed_object_is_a_secret_in_plain_text() {
    let with = |head: &str| format!("{head}metadata:\n  name: x\ndata:\n  a: aHVudGVyMg==\n");
    for good in [
        "apiVersion: v1\nkind: Secret\n",
        "apiVersion: \"v1\"\nkind: 'Secret'\n",
    ] {
        let twin = text(SecretClass::SecretObject, &with(good)).unwrap();
        assert_eq!(twin, with(good).replace("aHVudGVyMg==", "<sealed>"));
    }
    for bad in [
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\n",
        "apiVersion: \"\\x76\\x31\"\nkind: Secret\n",
        "apiVersion: v1\nkind: \"P\\x6fd\"\n",
        "apiVersion: v1\nkind: \"S\\x65cret\"\n",
        "apiVersion: v1\nkind: Secret\nkind: Pod\n",
        "apiVersion: v1\nkind: Pod\nkind: Secret\n",
        "apiVersion: v1\n",
        "kind: Secret\n",
        "apiVersion: v1\nkind:\n",
        "apiVersion: v1\nkind: Secret\nspec:\n  containers: []\n",
        "apiVersion: v1\nkind: Secret\nroleRef:\n  name: cluster-admin\n",
        "apiVersion: v1\nkind: Secret\nsubjects: []\n",
    ] {
        assert!(
            text(SecretClass::SecretObject, &with(bad)).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn an_encryption_configuration_shows_all_but_its_keys() {
    let changed = |from: &str, to: &str| {
        assert!(ENCRYPTION.contains(from), "{from}");
        text(SecretClass::EncryptionConfig, &ENCRYPTION.replace(from, to))
    };
    assert!(changed("EncryptionConfiguration", "Pod").is_err());
    assert!(changed("name: key1", "name: key1\n        extra: x").is_err());
    assert!(changed("      name: kms", "      name: kms\n      command: x").is_err());
    assert!(changed("name: key1", "name: c2VjcmV0IGlzIHNlY3VyZQ==").is_err());
    assert!(changed("- identity: {}", "- identity: {}\n- x: y").is_err());
}

#[test]
fn registry_credentials_show_hosts_and_users() {
    let refused = |input: &str| text(SecretClass::RegistryAuth, input).unwrap_err().reason;
    for good in ["{\"auths\":{}}", "{}", "{\"auths\":{\"h\":{}}}\n"] {
        assert_eq!(text(SecretClass::RegistryAuth, good).unwrap(), good);
    }
    let cases: &[(&str, Reason)] = &[
        ("", Reason::RegistryAuth),
        ("[]", Reason::RegistryAuth),
        ("{\"auths\":{}} {}", Reason::RegistryAuth),
        ("{\"auths\":{},}", Reason::RegistryAuth),
        ("{\"auths\":[]}", Reason::RegistryAuth),
        ("{\"auths\":{\"h\":{\"password\":1}}}", Reason::RegistryAuth),
        (
            "{\"auths\":{\"h\":{\"password\":\"x}}}",
            Reason::RegistryAuth,
        ),
        (
            "{\"auths\":{\"h\":{\"password\":\"x\\",
            Reason::RegistryAuth,
        ),
        ("{\"credsStore\":\"sh\"}", Reason::Field),
        (
            "{\"auths\":{},\"credHelpers\":{\"h\":\"sh\"}}",
            Reason::Field,
        ),
        ("{\"Auths\":{}}", Reason::Field),
        ("{\"auths\":{\"h\":{\"Password\":\"x\"}}}", Reason::Field),
        ("{\"auths\":{},\"auths\":{}}", Reason::Duplicate),
        ("{\"auths\":{\"h\":{},\"h\":{}}}", Reason::Duplicate),
        (
            "{\"auths\":{\"h\":{\"auth\":\"YTpi\",\"auth\":\"YTpi\"}}}",
            Reason::Duplicate,
        ),
        ("{\"auth\\u0073\":{}}", Reason::Escapes),
        ("{\"auths\":{\"\\u0068\":{}}}", Reason::Escapes),
        (
            "{\"auths\":{\"h\":{\"username\":\"\\u0068\"}}}",
            Reason::Escapes,
        ),
        ("{\"auths\":{\"u:p@h\":{}}}", Reason::Credentials),
        ("{\"auths\":{\"h\u{e9}\":{}}}", Reason::Characters),
        ("{\"auths\":{\"h\":{\"auth\":\"%\"}}}", Reason::RegistryUser),
        (
            "{\"auths\":{\"h\":{\"auth\":\"YQ==\"}}}",
            Reason::RegistryUser,
        ),
        (
            "{\"auths\":{\"h\":{\"auth\":\"OmI=\"}}}",
            Reason::RegistryUser,
        ),
        (
            "{\"auths\":{\"h\":{\"auth\":\"YTpi\",\"username\":\"b\"}}}",
            Reason::RegistryUser,
        ),
        (
            "{\"auths\":{\"hunter2hunter2\":{\"password\":\"hunter2hunter2\"}}}",
            Reason::Repeated,
        ),
        (
            "{\"auths\":{\"hunter2hunter2\":{\"auth\":\"cm9ib3Q6aHVudGVyMmh1bnRlcjI=\"}}}",
            Reason::Repeated,
        ),
    ];
    for (input, reason) in cases {
        assert_eq!(refused(input), *reason, "{input}");
    }
    let error = text(SecretClass::RegistryAuth, "{\n\"auths\": {\n\"h\": 1}}").unwrap_err();
    assert_eq!(error.line, 3);
}

#[test]
fn only_exact_placeholders_of_holes_are_shown() {
    let with = |value: &str| format!("apiVersion: v1\nkind: Secret\ndata:\n  x: {value}\n");
    let shown = with("<hole:token-expiry>");
    assert_eq!(text(SecretClass::SecretObject, &shown).unwrap(), shown);
    for value in [
        "<hole:token-expiry>hunter2",
        "<hole:hunter2>",
        "\"<hole:token-expiry>\"",
        "hunter2<hole:token-expiry>",
    ] {
        assert_eq!(
            text(SecretClass::SecretObject, &with(value)).unwrap(),
            with("<sealed>"),
            "{value}"
        );
    }
}

#[test]
fn urls_with_credentials_and_escaped_values_are_refused() {
    let with = |key: &str, value: &str| {
        text(
            SecretClass::Kubeconfig,
            &format!("{HEAD}clusters:\n- cluster:\n    {key}: {value}\n"),
        )
    };
    assert!(with("server", "https://[fd00::1]:6443").is_ok());
    for (key, value, reason) in [
        (
            "server",
            "https://user:hunter2@10.0.0.1",
            Reason::Credentials,
        ),
        (
            "server",
            "https://10.0.0.1/?token=hunter2",
            Reason::Credentials,
        ),
        ("server", "user:hunter2@10.0.0.1", Reason::Credentials),
        (
            "proxy-url",
            "http://user:hunter2@10.0.0.1",
            Reason::Credentials,
        ),
        (
            "tls-server-name",
            "https://user:hunter2@x",
            Reason::Credentials,
        ),
        (
            "server",
            "\"https:\\x2f\\x2fuser:hunter2\\x4010.0.0.1\"",
            Reason::Escapes,
        ),
    ] {
        assert_eq!(with(key, value).unwrap_err().reason, reason, "{value}");
    }
}

#[test]
fn a_secret_that_is_repeated_in_public_is_refused() {
    let with = |name: &str| {
        format!("{HEAD}users:\n- name: {name}\n  user:\n    token: abcdef.0123456789abcdef\n")
    };
    assert!(text(SecretClass::Kubeconfig, &with("admin")).is_ok());
    let error = text(
        SecretClass::Kubeconfig,
        &with("user-abcdef.0123456789abcdef-x"),
    )
    .unwrap_err();
    assert_eq!((error.line, error.reason), (4, Reason::Repeated));
    // A twin can be made of a twin.
    assert_eq!(
        text(SecretClass::Kubeconfig, KUBECONFIG_TWIN).unwrap(),
        KUBECONFIG_TWIN
    );
    // One value begins with another; the beginning of a long one is enough.
    let sealed = BTreeSet::from(["secret-1", "secret-12", "zzzzzzzz"]);
    for (twin, is_good) in [
        ("a secret-2 zzzzzzz\n", true),
        ("a secret-1\n", false),
        ("\nsecret-123", false),
        ("xzzzzzzzzx", false),
    ] {
        assert_eq!(
            nothing_is_repeated(twin, &sealed).is_ok(),
            is_good,
            "{twin}"
        );
    }
    let long = "a".repeat(500);
    assert!(nothing_is_repeated(&long[..64], &BTreeSet::from([long.as_str()])).is_err());
}

/// Every string of a YAML document with its place, found by a real YAML parser.
fn strings(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                strings(value, &format!("{path}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for value in items {
                strings(value, &format!("{path}/-"), found);
            }
        }
        Value::String(text) => found.push((path.trim_start_matches('/').to_owned(), text.clone())),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Ways to write a value, `%` being a recognisable text; some of them are traps.
const FORMS: &[&str] = &[
    "%",
    "\"%\"",
    "'%'",
    "|",
    "|-",
    ">-",
    "{token: %}",
    "[%, %]",
    "&a %",
    "*a",
    "!!str %",
    "% # %",
    "# %",
    "\"%",
    "%\"",
    "'%",
    "%'",
    "",
    "- %",
    "? %",
    "%: %",
    "\"%\\\"",
    "'%''%'",
    "\"a\\\"%\"",
    "https://%@host",
    "{}",
    "%\u{2028}%",
    "~",
];

/// Whole lines to slip in.
const LINES: &[&str] = &[
    "%",
    "- %",
    "\"%",
    "%\"",
    "%'",
    "token: %",
    "name: %",
    "- name: %",
    "  %",
    "kind: %",
    "# %",
    "",
    "---",
    "...",
    "? token",
    ": %",
    "}",
    "]",
    "\"token\": %",
    "<<: {token: %}",
    "users:",
    "user:",
];

fn mutated(base: &'static str) -> impl Strategy<Value = String> {
    let count = base.lines().count();
    let change = (
        0..count,
        0..3_u8,
        0..FORMS.len(),
        0..LINES.len(),
        0..9_usize,
    );
    prop::collection::vec(change, 0..4).prop_map(move |changes| {
        let mut lines: Vec<String> = base.lines().map(ToOwned::to_owned).collect();
        for (number, (at, kind, form, line, indent)) in changes.into_iter().enumerate() {
            let marker = format!("M{number}ARKERMARKER");
            let at = at.min(lines.len() - 1);
            match kind {
                0 => {
                    if let Some((key, _)) = lines[at].clone().split_once(": ") {
                        lines[at] = format!("{key}: {}", FORMS[form].replace('%', &marker));
                    }
                }
                1 => lines.insert(
                    at,
                    format!(
                        "{}{}",
                        " ".repeat(indent),
                        LINES[line].replace('%', &marker)
                    ),
                ),
                _ => {
                    lines.remove(at);
                    if lines.is_empty() {
                        lines.push(String::new());
                    }
                }
            }
        }
        lines.join("\n") + "\n"
    })
}

/// Whatever a YAML parser finds in a place that is not public must not be in the twin.
fn no_secret_survives(class: SecretClass, public: &[&str], input: &str) {
    let Ok(twin) = text(class, input) else {
        return;
    };
    let Ok(document) = serde_yaml::from_str::<Value>(input) else {
        return;
    };
    let mut found = Vec::new();
    strings(&document, "", &mut found);
    for (path, value) in found {
        let is_public = public
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => path == *pattern,
            });
        let repeats_a_public_word = value.len() < MIN_SEARCHED;
        assert!(
            is_public
                || repeats_a_public_word
                || value == PLACEHOLDER
                || is_hole(&value)
                || !twin.contains(&value),
            "{path} is shown\n{input}\n{twin}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_kubeconfig_secret_survives(input in mutated(KUBECONFIG)) {
        no_secret_survives(SecretClass::Kubeconfig, KUBECONFIG_SCHEMA.public, &input);
    }

    #[test]
    fn no_object_secret_survives(input in mutated(SECRET)) {
        no_secret_survives(SecretClass::SecretObject, SECRET_SCHEMA.public, &input);
    }

    #[test]
    fn values_written_by_a_serialiser_are_sealed(
        token in "[ -~]{8,60}",
        key in "[A-Za-z0-9+/=]{8,200}",
        name in "[a-z]{1,7}",
    ) {
        prop_assume!(!KUBECONFIG.contains(&token) && token.trim() == token && !KUBECONFIG.contains(&key));
        let document = serde_json::json!({
            "apiVersion": "v1", "kind": "Config",
            "users": [{"name": name, "user": {"client-key-data": key, "token": token}}],
        });
        let options = serde_yaml::ser_options! { folded_wrap_chars: usize::MAX };
        let plain = serde_yaml::to_string_with_options(&document, options).unwrap();
        let twin = text(SecretClass::Kubeconfig, &plain).unwrap();
        prop_assert!(!twin.contains(&token) && !twin.contains(&key), "{}\n{}", plain, twin);
        prop_assert!(twin.contains(&name));
    }

    #[test]
    fn any_bytes_give_a_twin_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for class in [SecretClass::PrivateKey, SecretClass::Kubeconfig, SecretClass::SecretObject, SecretClass::EncryptionConfig, SecretClass::RegistryAuth] {
            let _ = twin(class, &bytes);
        }
    }

    /// The twin of valid JSON is valid JSON, with the same keys.
    #[test]
    fn any_registry_text_gives_a_twin_of_the_same_form_or_an_error(
        input in "[{] ?\"auths\" ?: ?[{](\"[a-c]\": ?[{](\"(auth|password|username|email)\": ?\"[ -~]{0,12}\",? ?){0,3}[}],? ?){0,3}[}] ?[}]\n?"
    ) {
        if let Ok(twin) = text(SecretClass::RegistryAuth, &input) {
            let read = |text: &str| serde_json::from_str::<Value>(text).ok();
            if read(&input).is_some() {
                prop_assert!(read(&twin).is_some(), "{}\n{}", input, twin);
            }
        }
    }

    #[test]
    fn any_lines_give_a_twin_or_an_error(input in "([ -]{0,4}[a-z:'\"]{0,6}(: )?[ -~]{0,10}\n){0,12}") {
        no_secret_survives(SecretClass::Kubeconfig, KUBECONFIG_SCHEMA.public, &input);
    }
}
