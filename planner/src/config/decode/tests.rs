use serde_json::json;

use super::*;
use crate::yaml::read::read;

fn decode_text(kind: Kind, text: &str) -> (Value, Report) {
    let documents = read(text).unwrap();
    let Data::Map(entries) = &documents[0].data else {
        panic!()
    };
    let (mut provenance, mut report) = (Provenance::default(), Report::default());
    let values = decode(
        kind.object(),
        entries,
        "c.yaml",
        Fields::Strict,
        &mut provenance,
        &mut report,
    );
    (values.into(), report)
}

#[test]
fn values_are_decoded_as_go_decodes_them() {
    let text = "maxPods: 110.0\npodsPerCore: 0o12\nfailSwapOn: n\nsyncFrequency: 90s\nclusterDomain: null\n\
                memoryThrottlingFactor: 1\nlogging: {flushFrequency: 5000000000, options: {json: {infoBufferSize: 2048Ki}}}\n\
                registerWithTaints: [{key: a, timeAdded: 2026-01-02T04:04:05.5+01:00}, null]\n\
                evictionHard: {memory.available: 1%}\nstaticPodURLHeader: {A: [x]}\n";
    let (value, report) = decode_text(Kind::Kubelet, text);
    assert!(report.is_empty(), "{report}");
    assert_eq!(
        value,
        json!({
            "maxPods": 110, "podsPerCore": 10, "failSwapOn": false, "syncFrequency": "1m30s",
            "memoryThrottlingFactor": 1,
            "logging": {"flushFrequency": 5_000_000_000_i64, "options": {"json": {"infoBufferSize": "2Mi"}}},
            "registerWithTaints": [{"key": "a", "timeAdded": "2026-01-02T03:04:05Z"}, null],
            "evictionHard": {"memory.available": "1%"},
            "staticPodURLHeader": {"A": ["x"]},
        })
    );
    let (value, _) = decode_text(Kind::KubeProxy, "clientConnection: {qps: 0.1}\n");
    assert_eq!(value["clientConnection"]["qps"], json!(0.1));
}

#[test]
fn an_integer_that_starts_with_zero_is_warned_of() {
    for (text, expected) in [
        ("maxPods: 0110", "it means 72"),
        ("maxPods: 0_11", "it means 9"),
        ("maxPods: 007", ""),
        ("maxPods: 0o17", ""),
        ("maxPods: 08", ""),
        ("maxPods: 110", ""),
        ("memoryThrottlingFactor: 012", "write `10`, or `12`"),
        ("registerWithTaints: [{key: a, value: '012'}]", ""),
    ] {
        let (_, report) = decode_text(Kind::Kubelet, text);
        assert!(!report.has_errors(), "{text}: {report}");
        let said = report.to_string();
        assert_eq!(said.is_empty(), expected.is_empty(), "{text}: {said}");
        assert!(said.contains(expected), "{text}: {said}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_reported_with_its_place() {
    for (text, expected) in [
        ("maxPods: 1.5", "expected an integer, found a number"),
        ("maxPods: 2147483648", "out of range"),
        ("memoryThrottlingFactor: .inf", "not finite"),
        ("clusterDNS: {a: b}", "expected a list, found a mapping"),
        (
            "clusterDNS: [5]",
            "KubeletConfiguration.clusterDNS[0]: expected a string",
        ),
        (
            "reservedMemory: [{limits: {memory: 5x}}]",
            "KubeletConfiguration.reservedMemory[0].limits.memory: `5x` is not a valid quantity",
        ),
        ("featureGates: {y: true, yes: false}", "duplicate key"),
    ] {
        let (_, report) = decode_text(Kind::Kubelet, text);
        assert_eq!(report.findings().len(), 1, "{text}: {report}");
        assert!(report.to_string().contains(expected), "{text}: {report}");
        assert_eq!(report.findings()[0].line, Some(1));
    }
}

#[test]
fn a_report_of_too_many_errors_is_cut_off_and_says_so() {
    let text: String = (0..40_000).map(|n| format!("field{n}: 1\n")).collect();
    let (_, report) = decode_text(Kind::Cluster, &text);
    assert_eq!(report.findings().len(), MAX_FINDINGS + 1);
    assert!(report.to_string().contains("too many errors"));
}
