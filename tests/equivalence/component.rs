//! KubeletConfiguration and KubeProxyConfiguration with random fields.
//!
//! In: the planner's schema tables, a source of choices. Out: a document whose values have the right types and nothing
//! else to recommend them: kubeadm passes them through, and so must the planner.

use kubeplan::kubeadm::layout::MANIFESTS_DIR;
use kubeplan::kubeadm::releases;
use kubeplan::schema::{Field, Kind, Object, Type};
use serde_json::{Map, Value, json};

use super::random::Random;
use super::words;

/// A document of `kind`; sometimes one with every field.
pub fn document(random: &mut Random, kind: Kind) -> Value {
    let percent = match random.below(20) {
        0 => 100,
        1 => 0,
        2..=5 => 30,
        _ => 8,
    };
    let mut fields = object(random, kind.object(), percent);
    fields.insert("apiVersion".into(), json!(kind.api_version()));
    fields.insert("kind".into(), json!(kind.name()));
    Value::Object(fields)
}

/// The minor of the kubeadm that is compared with: its documents have the fields of that release.
const MINOR: u64 = 36;

fn object(random: &mut Random, object: &Object, percent: usize) -> Map<String, Value> {
    let mut fields = Map::new();
    let known =
        |field: &&Field| releases::find(MINOR).is_some_and(|row| field.releases.contains(row));
    for field in object.fields.iter().filter(known) {
        if random.chance(percent) && !matches!(field.ty, Type::NotYet) {
            // A duration that is no pointer cannot be null: kubeadm refuses it.
            let nullable = field.pointer || !matches!(field.ty, Type::Duration);
            let value = if random.chance(3) && nullable {
                Value::Null
            } else if field.name == "registerWithTaints" {
                // The planner checks these as the kubelet does.
                json!([{"key": "example.com/a", "effect": "NoExecute"}])
            } else if field.name == "staticPodPath" {
                // The planner writes no control plane that its kubelet does not find.
                json!(random.pick(&[MANIFESTS_DIR, ""]))
            } else {
                value(random, &field.ty)
            };
            fields.insert(field.name.to_owned(), value);
        }
    }
    fields
}

fn value(random: &mut Random, ty: &Type) -> Value {
    match ty {
        Type::Bool => json!(random.chance(50)),
        Type::Int32 => json!(random.one::<i64>(&[
            0,
            1,
            2,
            5,
            10,
            80,
            110,
            1000,
            10250,
            65535,
            -1,
            -999,
            2_147_483_647,
            -2_147_483_648
        ])),
        Type::Int64 => json!(random.one::<i64>(&[
            0,
            1,
            42,
            4096,
            -1,
            1_000_000,
            9_007_199_254_740_993,
            i64::MAX,
            i64::MIN
        ])),
        Type::Uint32 => json!(random.one::<u32>(&[0, 1, 4, 10, u32::MAX])),
        Type::Float32 | Type::Float64 => json!(random.one::<f64>(&[
            0.0,
            0.5,
            0.8,
            1.0,
            7.3,
            100.0,
            1e-7,
            1e21,
            123_456_789.125,
            -2.5,
            1_000_000.0
        ])),
        Type::String | Type::SecretString | Type::Token | Type::NotYet | Type::Raw => {
            json!(words::text(random))
        }
        Type::IntOrString => json!(random.pick(&["1", "25%"])),
        Type::Duration => json!(duration(random)),
        Type::DurationOrNanoseconds => {
            if random.chance(50) {
                json!(duration(random))
            } else {
                json!(random.one::<i64>(&[0, 1, 5_000_000_000, 1_500_000_000]))
            }
        }
        Type::Time => json!(random.pick(&[
            "2027-01-02T15:04:05Z",
            "2027-01-02T15:04:05+02:00",
            "1999-12-31T23:59:59.123Z"
        ])),
        Type::Quantity => quantity(random),
        Type::List(item) => (0..random.below(4)).map(|_| value(random, item)).collect(),
        Type::Map(item) => {
            let mut entries = Map::new();
            for _ in 0..random.below(4) {
                let key = if random.chance(30) {
                    words::text(random)
                } else {
                    words::word(random)
                };
                entries.insert(key, value(random, item));
            }
            Value::Object(entries)
        }
        Type::Object(inner) => Value::Object(object(random, inner, 60)),
    }
}

fn duration(random: &mut Random) -> String {
    let sign = if random.chance(8) { "-" } else { "" };
    format!("{sign}{}", words::duration(random).trim_start_matches('+'))
}

fn quantity(random: &mut Random) -> Value {
    match random.below(14) {
        0 => json!(0),
        1 => json!(5),
        2 => json!(1_500_000),
        3 => json!(0.5),
        _ => json!(random.pick(&[
            "0",
            "1",
            "500Mi",
            "0.5Gi",
            "1000m",
            "1.5",
            "1e3",
            "1E",
            "1024Ki",
            "2048Mi",
            "100n",
            "1u",
            "0.1",
            "12345678901",
            "1500m",
            "-1",
            "+2",
            ".5",
            "1.",
            "1e-3",
            "3Ti",
            "1000k",
            "00500Mi"
        ])),
    }
}
